package v2_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/sse"
)

// events reads a whole stream.
func events(t *testing.T, body []byte) []sse.Event {
	t.Helper()
	var out []sse.Event
	for r := sse.NewReader(bytes.NewReader(body)); ; {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		out = append(out, e)
	}
}

// member reads one member of an event's data.
func member(t *testing.T, e sse.Event, name string) any {
	t.Helper()
	var data map[string]any
	require.NoError(t, json.Unmarshal(e.Data, &data))
	return data[name]
}

// liveEvents reads a stream as it comes.
func liveEvents(t *testing.T, response *http.Response) *sse.Reader {
	t.Helper()
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, sse.MediaType, response.Header.Get("Content-Type"))
	return sse.NewReader(response.Body)
}

// readEvent reads a stream to the end of its next event.
func readEvent(t *testing.T, from *bufio.Reader) (text []byte) {
	t.Helper()
	for {
		line, err := from.ReadBytes('\n')
		require.NoError(t, err)
		text = append(text, line...)
		if len(line) == 1 && bytes.Contains(text, []byte("data:")) {
			return text
		}
	}
}
