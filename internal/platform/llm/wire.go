package llm

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

const (
	maxLine      = 64 << 10 // one event of a stream; a delta is a few hundred bytes
	maxErrorBody = 16 << 10 // of a provider's error page
	maxDrain     = 4 << 10  // after the end mark
)

var (
	errLongLine  = errors.New("a line of the stream is longer than allowed")
	errNotEvents = errors.New("the stream holds something else than events")
)

// mediaError is a success of another media type than expected, such as the login
// page of a proxy.
type mediaError struct{ media, want string }

func (e mediaError) Error() string {
	kind, sub, _ := strings.Cut(e.media, "/")
	return fmt.Sprintf("the answer is %q, not %s", slug(kind)+"/"+slug(sub), e.want)
}

// wire is the exchange under the protocol library: it keeps what the library
// throws away (status, Retry-After, whether the end mark came) and bounds what
// the library reads without bound (lines, error bodies). One for each attempt.
type wire struct {
	web    *http.Client
	sent   bool
	events *eventLines
}

// Do sends the request and gives back an event stream or says why there is none.
func (w *wire) Do(req *http.Request) (*http.Response, error) {
	w.sent = true
	res, err := exchange(w.web, req, "text/event-stream")
	if err != nil {
		return nil, err
	}
	w.events = newEventLines(res.Body)
	res.Body = w.events
	return res, nil
}

// exchange sends a request and insists on a success of the wanted media type.
func exchange(web *http.Client, req *http.Request, want string) (*http.Response, error) {
	res, err := web.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close() //nolint:errcheck // read already
		return nil, readStatus(res)
	}
	media, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || media != want {
		return nil, errors.Join(mediaError{media, want}, res.Body.Close())
	}
	return res, nil
}

// done says whether the end mark has been seen.
func (w *wire) done() bool { return w.events != nil && w.events.done }

// drain reads what little follows the end mark: a body read to its end gives
// its connection back to the pool.
func (w *wire) drain() {
	_, _ = io.CopyN(io.Discard, w.events.body, maxDrain) // its only effect is on reuse
}

// eventLines passes on the lines of an event stream that the protocol library
// understands, one at a time and each of bounded length. Comments (heartbeats)
// and the fields event, id and retry are dropped: the library would take them
// for parts of an error. Blank lines stay, since they end an error.
// The format is https://html.spec.whatwg.org/multipage/server-sent-events.html.
type eventLines struct {
	body io.ReadCloser
	in   *bufio.Reader
	line []byte // the line being handed out; its array is used again
	rest []byte // what of it is still to hand out
	done bool
}

func newEventLines(body io.ReadCloser) *eventLines {
	return &eventLines{body: body, in: bufio.NewReader(body)}
}

func (e *eventLines) Read(p []byte) (int, error) {
	for len(e.rest) == 0 {
		if err := e.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func (e *eventLines) Close() error { return e.body.Close() }

// next reads one line. A last line without its newline is an event cut in two
// and is left out, as the format demands, unless it is the end mark.
func (e *eventLines) next() error {
	e.line = e.line[:0]
	for {
		part, err := e.in.ReadSlice('\n')
		e.line = append(e.line, part...)
		switch {
		case len(e.line) > maxLine:
			return errLongLine
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			e.markEnd()
			return err
		}
		return e.sift()
	}
}

func (e *eventLines) markEnd() bool {
	data, ok := bytes.CutPrefix(bytes.TrimSpace(e.line), []byte("data:"))
	if ok && string(bytes.TrimSpace(data)) == "[DONE]" {
		e.done = true
	}
	return ok
}

// sift keeps data and blank lines, drops the rest of the format, and refuses
// what is no event stream at all.
func (e *eventLines) sift() error {
	if e.markEnd() || len(bytes.TrimSpace(e.line)) == 0 {
		e.rest = e.line
		return nil
	}
	field, _, _ := bytes.Cut(bytes.TrimSpace(e.line), []byte(":"))
	switch string(field) {
	case "", "event", "id", "retry":
		return nil
	default:
		return fmt.Errorf("read stream: %w", errNotEvents)
	}
}
