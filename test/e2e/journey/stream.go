package journey

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/client"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
)

// Bounds of reading a reply.
const (
	mostTries  = 10                     // connections in a row that bring no event
	firstPause = 100 * time.Millisecond // before the next connection; doubles
	longPause  = 2 * time.Second        // up to this
	quietLimit = 40 * time.Second       // the service breaks silence every 15 s
)

// Why a connection ended before its reply did. Any other reason but a Refused
// is one of the network's.
var (
	ErrCut     = errors.New("the connection was cut on purpose")
	ErrClosing = errors.New("the service closed the stream")

	errQuiet    = errors.New("the stream was silent for too long")
	errContract = errors.New("the stream is not what the contract says")
)

// SayInput is one line and how its reply is read.
type SayInput struct {
	ConversationID uuid.UUID
	Line           string
	// Key is the Idempotency-Key; "" makes one.
	Key string
	// BreakAfter cuts the connection once, after so many deltas or before the
	// last event, whichever comes first. 0: never.
	BreakAfter int
	// Watch is called after each event with nil, and with the reason when a
	// connection has ended before the reply; it may be nil.
	Watch func(r *Reply, ended error)
}

// Say says a line and reads the reply to its end, through as many connections
// as that takes. A request whose answer never came is sent again with the same
// key, so that the line is said once.
func (l *Learner) Say(ctx context.Context, in SayInput) (*Reply, error) {
	if in.Key == "" {
		in.Key = uuid.NewString()
	}
	r := &Reply{Line: in.Line}
	return r, l.read(ctx, in, r)
}

// Resume goes on with a reply that an earlier Say or Resume left unfinished,
// maybe at another node. A Reply with nothing but its ID is read from the beginning.
func (l *Learner) Resume(ctx context.Context, conversation uuid.UUID, r *Reply, watch func(*Reply, error)) error {
	return l.read(ctx, SayInput{ConversationID: conversation, Watch: watch}, r)
}

// read opens one connection after the other until the reply has ended.
func (l *Learner) read(ctx context.Context, in SayInput, r *Reply) error {
	if in.Watch == nil {
		in.Watch = func(*Reply, error) {}
	}
	g := &reading{learner: l, in: in, reply: r, begun: r.cursor != "", cut: in.BreakAfter > 0}
	for tries, pause := 0, firstPause; ; pause = min(2*pause, longPause) {
		before := r.cursor
		err := g.connect(ctx)
		if err == nil {
			return nil
		}
		in.Watch(r, err)
		if r.cursor != before {
			tries, pause = 0, firstPause
		}
		if tries++; tries == mostTries || ctx.Err() != nil || !l.mend(ctx, err, r) {
			return fmt.Errorf("reply %s: %w", r.ID, err)
		}
		if err := sleep(ctx, max(pause, r.retry)); err != nil {
			return fmt.Errorf("reply %s: %w", r.ID, err)
		}
		r.retry = 0
	}
}

// mend prepares for the next connection, or says that there is no use in one.
func (l *Learner) mend(ctx context.Context, err error, r *Reply) bool {
	var refused *Refused
	switch {
	case errors.Is(err, ErrCut):
		return true
	case errors.Is(err, errContract):
		return false
	case errors.Is(err, ErrClosing) && r.Closings[len(r.Closings)-1] == client.TokenExpiring:
		return l.Refresh(ctx) == nil
	case errors.As(err, &refused) && refused.Status == http.StatusUnauthorized:
		return l.Refresh(ctx) == nil
	case errors.As(err, &refused) && !slices.Contains([]int{http.StatusTooManyRequests, http.StatusServiceUnavailable}, refused.Status):
		return false
	}
	return true
}

// reading is one reply being read.
type reading struct {
	learner *Learner
	in      SayInput
	reply   *Reply
	begun   bool // the service has answered before
	cut     bool // the connection is still to be cut on purpose
}

// connect reads through one connection; nil means that the reply has ended.
func (g *reading) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	quiet := time.AfterFunc(quietLimit, func() { cancel(errQuiet) })
	defer quiet.Stop()
	response, err := g.open(ctx)
	if err != nil {
		return cause(ctx, err)
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	events := sse.NewReader(alarmed{response.Body, quiet})
	for {
		e, err := events.Next()
		if err != nil {
			return cause(ctx, err)
		}
		if g.cut && isLast(e) {
			g.cut = false
			return ErrCut
		}
		if err := g.reply.apply(e); err != nil {
			return fmt.Errorf("%w: %w", errContract, err)
		}
		g.in.Watch(g.reply, nil)
		switch {
		case g.reply.Ended():
			return nil
		case e.Name == string(client.StreamClosingTypeStreamClosing):
			return ErrClosing
		case g.cut && g.reply.Deltas >= g.in.BreakAfter:
			g.cut = false
			return ErrCut
		}
	}
}

// open says the line, or goes on with its reply where the last event left off.
func (g *reading) open(ctx context.Context) (response *http.Response, err error) {
	operation := "createMessage"
	if g.reply.ID == uuid.Nil {
		response, err = g.learner.api.CreateMessage(ctx, g.in.ConversationID,
			&client.CreateMessageParams{IdempotencyKey: &g.in.Key},
			client.CreateMessageRequest{Content: g.in.Line, Stream: new(true)})
	} else {
		operation = "streamMessageEvents"
		params := &client.StreamMessageEventsParams{}
		if g.reply.cursor != "" {
			params.LastEventID = &g.reply.cursor
		}
		response, err = g.learner.api.StreamMessageEvents(ctx, g.in.ConversationID, g.reply.ID, params)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", operation, err)
	}
	if err := g.accept(operation, response); err != nil {
		_ = response.Body.Close() // nothing more is wanted of it
		return nil, err
	}
	return response, nil
}

// accept takes an answer that is a stream.
func (g *reading) accept(operation string, response *http.Response) error {
	if response.StatusCode != http.StatusOK {
		parsed, err := client.ParseStreamMessageEventsResponse(response)
		if err != nil {
			return fmt.Errorf("%s: %d: %w", operation, response.StatusCode, err)
		}
		return refusal(operation, parsed.ApplicationProblemJSONDefault, response)
	}
	if g.begun {
		g.reply.Resumes++
	}
	g.begun = true
	if g.reply.ID != uuid.Nil {
		return nil
	}
	id, err := uuid.Parse(path.Base(response.Header.Get("Location")))
	if err != nil {
		return fmt.Errorf("%w: Location %q names no reply", errContract, response.Header.Get("Location"))
	}
	g.reply.ID = id
	return nil
}

func isLast(e sse.Event) bool {
	return slices.Contains([]string{
		string(client.MessageCompletedTypeMessageCompleted), string(client.MessageFailedTypeMessageFailed),
		string(client.MessageCancelledTypeMessageCancelled),
	}, e.Name)
}

// cause names the end of ctx where that is why err came.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the stream ended before the reply: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// alarmed puts an alarm off with each read.
type alarmed struct {
	io.Reader
	alarm *time.Timer
}

// Read reads, and puts the alarm off.
func (a alarmed) Read(b []byte) (int, error) {
	n, err := a.Reader.Read(b)
	a.alarm.Reset(quietLimit)
	return n, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
