package conversation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

// maxReplyBytes bounds a reply's text, so that its events fit into the log even
// when each byte is escaped: many times what maxReplyTokens come to.
const maxReplyBytes = 32 << 10

// Bounds of writing to the log: none of them holds the model up.
const (
	appendRetry  = 200 * time.Millisecond // between tries while the log is away
	newLogWait   = 2 * time.Millisecond   // before the first entry of a log that was lost
	flushWait    = 2 * time.Second        // for the last deltas, before the reply is stored
	terminalWait = 5 * time.Second        // for the last event, after it is stored
)

// endedKept is how long the log of a reply outlives its end, for readers who were cut off
// shortly before; to those who come later PostgreSQL tells the whole text.
const endedKept = time.Minute

// errEnough ends a reply that has become as long as a reply may be.
var errEnough = errors.New("the reply is as long as a reply may be")

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
	begins  func(context.Context) // is called once, after message.started

	mu     sync.Mutex
	text   strings.Builder // all so far
	fenced bool
	wake   chan struct{} // holds one token when there is something to send
	quit   chan struct{}
	done   chan struct{}

	// The appender's own.
	sent int         // how much of text is in the log
	last eventlog.ID // what the log must end with
	sure bool        // last is known to be true
}

// newWriter starts the appender with message.started, then calls begins. Close ends it.
func newWriter(ctx context.Context, log *eventlog.Log, m Message, lease int64, begins func(context.Context)) *writer {
	w := &writer{log: log, message: m, lease: lease, begins: begins,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	go w.run(context.WithoutCancel(ctx))
	return w
}

// Write takes more text; it never waits for the log. It fails with ErrFenced
// once a newer worker owns the stream, and with errEnough, having taken what
// fits, at maxReplyBytes.
func (w *writer) Write(text string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fenced {
		return eventlog.ErrFenced
	}
	fitting := upTo(text, maxReplyBytes-w.text.Len())
	w.text.WriteString(fitting)
	select {
	case w.wake <- struct{}{}:
	default:
	}
	if len(fitting) < len(text) {
		return errEnough
	}
	return nil
}

// upTo gives the beginning of text that has room, never half a letter.
func upTo(text string, room int) string {
	if len(text) <= room {
		return text
	}
	for room > 0 && !utf8.RuneStart(text[room]) {
		room--
	}
	return text[:room]
}

// Text is everything written so far.
func (w *writer) Text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// Close sends what is left, unless the log is away, and ends the appender. It
// takes flushWait at most, or as long as the log's own time limit.
func (w *writer) Close() {
	close(w.quit)
	<-w.done
}

func (w *writer) run(ctx context.Context) {
	defer close(w.done)
	away := !w.send(ctx)
	w.begins(ctx)
	for ; ; away = !w.send(ctx) {
		wake, retry := w.wake, (<-chan time.Time)(nil)
		if away { // the text waits in memory, the model goes on
			wake, retry = nil, time.After(appendRetry)
		}
		select {
		case <-wake:
		case <-retry:
		case <-w.quit:
			if !away {
				w.flush(ctx)
			}
			return
		}
	}
}

// flush makes the last try. What it cannot bring to the readers in time, the
// terminal event does: it holds the whole text.
func (w *writer) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushWait)
	defer cancel()
	w.send(ctx)
}

// send appends what is not in the log yet; false means to try again later.
func (w *writer) send(ctx context.Context) bool {
	err := w.append(ctx)
	if errors.Is(err, eventlog.ErrDiverged) {
		// The log was lost. Ids begin with the millisecond: those of the new log
		// must come after all that readers hold of the old one.
		time.Sleep(newLogWait)
		err = w.append(ctx)
	}
	if errors.Is(err, eventlog.ErrFenced) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.fenced = true
		return true
	}
	return err == nil
}

// append adds one event: the text that is new, or all of it where the end of the
// log is not known.
func (w *writer) append(ctx context.Context) error {
	text := w.Text()
	event, after := Event{Type: EventStarted, Text: text}, eventlog.AnyID
	if w.sure {
		event, after = Event{Type: EventDelta, Text: text[w.sent:], At: w.sent}, w.last
		if event.Text == "" {
			return nil
		}
	}
	event.MessageID, event.Attempt = w.message.ID, w.message.Attempt
	if event.Type == EventStarted {
		event.ConversationID = w.message.ConversationID
	}
	id, err := appendEvent(ctx, w.log, event, w.lease, after)
	w.sure = err == nil
	if err == nil {
		w.last, w.sent = id, len(text)
	}
	return err
}

func appendEvent(ctx context.Context, log *eventlog.Log, e Event, lease int64, after eventlog.ID) (eventlog.ID, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return eventlog.ID{}, fmt.Errorf("write event: %w", err)
	}
	in := eventlog.AppendInput{Stream: streamOf(e.MessageID), Fence: lease, After: after, Entry: data}
	if e.Terminal() {
		in.Keep = endedKept
	}
	return log.Append(ctx, in)
}
