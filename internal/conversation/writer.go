package conversation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

// Bounds of writing to the log: none of them holds the model up.
const (
	appendRetry  = 200 * time.Millisecond // between tries while the log is away
	flushWait    = 2 * time.Second        // for the last deltas, before the reply is stored
	terminalWait = 5 * time.Second        // for the last event, after it is stored
)

// A writer puts a reply's text into the event log as it is generated. The first
// delta goes out at once; what arrives while an append is under way goes out
// with the next one. When the log does not end where the writer left it (it was
// lost, or an answer was), the writer appends message.started with all text so
// far, which sets every reader right. A writer whose lease has passed to another
// worker stops.
type writer struct {
	log     *eventlog.Log
	message Message
	lease   int64

	mu     sync.Mutex
	text   strings.Builder // all so far
	sent   int             // how much of text is in the log
	fenced bool
	wake   chan struct{} // holds one token when there is something to send
	quit   chan struct{}
	done   chan struct{}

	last eventlog.ID // the appender's own: what the log must end with
	sure bool        // the appender's own: last is known to be true
}

// newWriter starts the appender with message.started. Close ends it.
func newWriter(ctx context.Context, log *eventlog.Log, m Message, lease int64) *writer {
	w := &writer{log: log, message: m, lease: lease,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	go w.run(context.WithoutCancel(ctx))
	return w
}

// Write takes more text; it never waits for the log. It fails with ErrFenced
// once a newer worker owns the stream.
func (w *writer) Write(text string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fenced {
		return eventlog.ErrFenced
	}
	w.text.WriteString(text)
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return nil
}

// Text is everything written so far.
func (w *writer) Text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// Close sends what is left, for flushWait at most, and ends the appender.
func (w *writer) Close() {
	close(w.quit)
	<-w.done
}

func (w *writer) run(ctx context.Context) {
	defer close(w.done)
	for {
		ok := w.send(ctx)
		select {
		case <-w.quit:
			w.flush(ctx)
			return
		default:
		}
		if ok {
			select {
			case <-w.wake:
			case <-w.quit:
				w.flush(ctx)
				return
			}
			continue
		}
		select { // the log is away: the text waits in memory, the model goes on
		case <-time.After(appendRetry):
		case <-w.quit:
			w.flush(ctx)
			return
		}
	}
}

func (w *writer) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushWait)
	defer cancel()
	for !w.send(ctx) && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(appendRetry):
		}
	}
}

// send appends what is not in the log yet; false means to try again later.
func (w *writer) send(ctx context.Context) bool {
	w.mu.Lock()
	text, sent := w.text.String(), w.sent
	w.mu.Unlock()
	event := Event{Type: EventDelta, Text: text[sent:]}
	after := w.last
	if !w.sure {
		event, after = Event{Type: EventStarted, Text: text}, eventlog.AnyID
	} else if event.Text == "" {
		return true
	}
	event.MessageID, event.ConversationID, event.Attempt = w.message.ID, w.message.ConversationID, w.message.Attempt
	id, err := appendEvent(ctx, w.log, event, w.lease, after)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		w.last, w.sure, w.sent = id, true, len(text)
		return true
	case errors.Is(err, eventlog.ErrFenced):
		w.fenced = true
		return true
	default:
		w.sure = false
		return false
	}
}

func appendEvent(ctx context.Context, log *eventlog.Log, e Event, lease int64, after eventlog.ID) (eventlog.ID, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return eventlog.ID{}, fmt.Errorf("write event: %w", err)
	}
	return log.Append(ctx, eventlog.AppendInput{Stream: streamOf(e.MessageID), Fence: lease, After: after, Entry: data})
}
