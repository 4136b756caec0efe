package sse_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/sse"
)

// readAll returns what a stream dispatches, up to its end or an error.
func readAll(r *sse.Reader) ([]sse.Event, error) {
	var events []sse.Event
	for {
		e, err := r.Next()
		if err != nil {
			return events, err
		}
		events = append(events, e)
	}
}

func TestAReaderReadsWhatTheStandardAllows(t *testing.T) {
	t.Parallel()
	text := func(name, id, data string) sse.Event { return sse.Event{Name: name, ID: id, Data: []byte(data)} }
	for name, c := range map[string]struct {
		stream string
		want   []sse.Event
	}{
		"an event of ours":               {"event: a\nid: 1\ndata: {}\n\n", []sse.Event{text("a", "1", "{}")}},
		"no name is message":             {"data: x\n\n", []sse.Event{text("message", "", "x")}},
		"the name lasts one event":       {"event: a\ndata: x\n\ndata: y\n\n", []sse.Event{text("a", "", "x"), text("message", "", "y")}},
		"the id stays":                   {"id: 1\ndata: x\n\ndata: y\n\n", []sse.Event{text("message", "1", "x"), text("message", "1", "y")}},
		"an empty id takes it back":      {"id: 1\ndata: x\n\nid\ndata: y\n\n", []sse.Event{text("message", "1", "x"), text("message", "", "y")}},
		"an id with NUL is ignored":      {"id: 1\n\nid: a\x00b\ndata: x\n\n", []sse.Event{text("message", "1", "x")}},
		"lines of data are joined":       {"data: a\ndata:\ndata: b\n\n", []sse.Event{text("message", "", "a\n\nb")}},
		"one space is dropped":           {"data:a\ndata:  b\n\n", []sse.Event{text("message", "", "a\n b")}},
		"a field without a colon":        {"data\n\ndata\ndata\n\n", []sse.Event{text("message", "", ""), text("message", "", "\n")}},
		"a colon in the value":           {"data: a: b\n\n", []sse.Event{text("message", "", "a: b")}},
		"comments and unknown fields":    {":\n: hello\nfoo: bar\ndata: x\n:\n\n", []sse.Event{text("message", "", "x")}},
		"no data, no event":              {"event: a\nid: 1\n\ndata: x\n\n", []sse.Event{text("message", "1", "x")}},
		"CR":                             {"event: a\rdata: x\r\rdata: y\r\r", []sse.Event{text("a", "", "x"), text("message", "", "y")}},
		"CR LF":                          {"event: a\r\ndata: x\r\n\r\n", []sse.Event{text("a", "", "x")}},
		"line ends mixed":                {"data: a\r\ndata: b\rdata: c\n\n\rdata: d\r\n\n", []sse.Event{text("message", "", "a\nb\nc"), text("message", "", "d")}},
		"a BOM at the start":             {"\xEF\xBB\xBFdata: x\n\n", []sse.Event{text("message", "", "x")}},
		"a BOM anywhere else":            {"data: x\n\n\xEF\xBB\xBFdata: y\n\n", []sse.Event{text("message", "", "x")}},
		"an unfinished event":            {"data: x\n\ndata: y\n", []sse.Event{text("message", "", "x")}},
		"an unfinished line":             {"data: x\n\ndata: y", []sse.Event{text("message", "", "x")}},
		"nothing":                        {"", nil},
		"field names are case-sensitive": {"Data: x\n data: y\n\n", nil},
	} {
		for how, in := range map[string]io.Reader{
			"at once":      strings.NewReader(c.stream),
			"byte by byte": iotest.OneByteReader(strings.NewReader(c.stream)),
		} {
			got, err := readAll(sse.NewReader(in))
			require.ErrorIs(t, err, io.EOF, name)
			require.Equal(t, c.want, got, "%s, %s", name, how)
		}
	}
}

func TestAReaderTellsAnIDOfItsOwnFromOneThatStays(t *testing.T) {
	t.Parallel()
	r := sse.NewReader(strings.NewReader("id: 1\n\ndata: a\n\nid: 2\ndata: b\n\ndata: c\n\nid: 2\ndata: d\n\n"))
	for _, own := range []bool{false, true, false, true} {
		_, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, own, r.OwnID())
	}
}

func TestAReaderKeepsTheLastIDAndTheRetryTime(t *testing.T) {
	t.Parallel()
	r := sse.NewReader(strings.NewReader("retry: 2500\n\nid: 1\ndata: x\n\nretry: 1e3\nretry:\nretry: -1\nretry: 99999999999999999999\nretry: 9223372036854775807\nid: 2\n\nid: 3\n"))
	require.Empty(t, r.LastID())
	require.Zero(t, r.Retry())
	_, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, "1", r.LastID())
	require.True(t, r.OwnID())
	_, err = r.Next()
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, "2", r.LastID(), "a block without data counts, an unfinished one does not")
	require.Equal(t, 2500*time.Millisecond, r.Retry(), "what is not a number of milliseconds is ignored")
}

func TestAnEventIsReadAsSoonAsItsLastByteIsThere(t *testing.T) {
	t.Parallel()
	for _, stream := range []string{"data: x\n\n", "data: x\r\r", "data: x\r\n\r\n", "\xEF\xBB\xBFdata: x\n\n"} {
		client, server := net.Pipe()
		go func() { _, _ = io.WriteString(server, stream) }() // and keeps the connection open
		require.NoError(t, client.SetReadDeadline(time.Now().Add(10*time.Second)))
		got, err := sse.NewReader(client).Next()
		require.NoError(t, err, "%q", stream)
		require.Equal(t, "x", string(got.Data))
		require.NoError(t, client.Close())
		require.NoError(t, server.Close())
	}
}

func TestAReaderHoldsItsBounds(t *testing.T) {
	t.Parallel()
	const bound = 100
	line := strings.Repeat("x", bound-len("data:"))
	got, err := readAll(sse.NewReaderSize(strings.NewReader("data:"+line+"\n\n"), bound))
	require.ErrorIs(t, err, io.EOF)
	require.Len(t, got, 1)
	for _, stream := range []string{
		"data:" + line + "x\n\n",
		strings.Repeat("data:0123456789\n", 10) + "\n",
		strings.Repeat(":", 1<<16),
	} {
		for _, in := range []io.Reader{strings.NewReader(stream), iotest.OneByteReader(strings.NewReader(stream))} {
			_, err := readAll(sse.NewReaderSize(in, bound))
			require.ErrorIs(t, err, sse.ErrTooLarge)
		}
	}
	endless := io.MultiReader(strings.NewReader("data: "), endlessly{})
	_, err = sse.NewReader(endless).Next()
	require.ErrorIs(t, err, sse.ErrTooLarge)
}

type endlessly struct{}

func (endlessly) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte("x"), len(p))), nil }

func TestAReaderPassesOnTheErrorOfItsSource(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	_, err := sse.NewReader(io.MultiReader(strings.NewReader("data: x\n"), iotest.ErrReader(broken))).Next()
	require.ErrorIs(t, err, broken)
}

func FuzzReaderIsIndifferentToHowTheBytesCome(f *testing.F) {
	for _, seed := range []string{
		"retry: 2000\n\nevent: a\nid: 1\ndata: {}\n\n", "data: a\r\ndata: b\r\rdata: c\n\n", "\xEF\xBB\xBFdata\n\n:\n\n", "id: \x00\n\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		const bound = 64
		whole := sse.NewReaderSize(bytes.NewReader(stream), bound)
		pieces := sse.NewReaderSize(iotest.OneByteReader(bytes.NewReader(stream)), bound)
		events, err := readAll(whole)
		again, err2 := readAll(pieces)
		require.Equal(t, events, again)
		require.Equal(t, err, err2)
		require.Equal(t, whole.LastID(), pieces.LastID())
		require.Equal(t, whole.Retry(), pieces.Retry())
		for _, e := range events {
			require.LessOrEqual(t, len(e.Data), bound)
			require.LessOrEqual(t, len(e.Name)+len(e.ID), 2*bound)
			require.NotContains(t, e.Name+e.ID, "\n")
		}
	})
}

func FuzzWhatIsPreparedIsReadBack(f *testing.F) {
	f.Add("message.delta", "c1", []byte(`{"text":"hi"}`))
	f.Add("", " leading", []byte(" space"))
	f.Fuzz(func(t *testing.T, name, id string, data []byte) {
		e := sse.Event{Name: name, ID: id, Data: data}
		w := newFakeResponse()
		if err := sse.Serve(t.Context(), w, batches([]sse.Event{e}), sse.Options{}); err != nil {
			require.ErrorIs(t, err, sse.ErrInvalidEvent)
			return
		}
		got, err := readAll(sse.NewReader(strings.NewReader(w.text.String())))
		require.ErrorIs(t, err, io.EOF)
		if name == "" {
			e.Name = "message"
		}
		require.Equal(t, []sse.Event{e}, got)
	})
}
