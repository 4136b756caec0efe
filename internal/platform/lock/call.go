package lock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// once is a command that the client does not send again by itself: a taking that
// reaches Redis late would take a lock that was given back in the meantime, and a
// release that is repeated would call its own success a loss.
type once struct{ *redis.Cmd }

func (once) NoRetry() bool { return true }

// run executes a script, bounded by CallTimeout. Its error wraps ErrUnavailable,
// or is the cause of a caller's context that has ended.
func (l *Locks) run(ctx context.Context, script script, keys int, keysAndArgs ...any) (int64, error) {
	bounded := l.bound(ctx)
	command := append(make([]any, 0, 12), "evalsha", script.hash, keys)
	command = append(command, keysAndArgs...)
	answer, err := l.process(bounded, command)
	if err == nil {
		return answer, nil
	}
	if redis.HasErrorPrefix(err, "NOSCRIPT") { // so it did not run
		command[0], command[1] = "eval", script.source
		if answer, err = l.process(bounded, command); err == nil {
			return answer, nil
		}
	}
	switch deadline, limited := ctx.Deadline(); {
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case limited && !time.Now().Before(deadline): // its timer is late
		return 0, context.DeadlineExceeded
	case bounded.Err() != nil:
		err = fmt.Errorf("%w: %w", errCallTimeout, err)
	}
	return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
}

var errCallTimeout = errors.New("lock: redis did not answer in time")

func (l *Locks) process(ctx context.Context, args []any) (int64, error) {
	command := once{redis.NewCmd(ctx, args...)}
	command.SetFirstKeyPos(3)
	if err := l.client.Process(ctx, command); err != nil {
		return 0, err
	}
	return command.Int64()
}

// bounded is the context of one call: the values of its caller, the sooner of two
// deadlines, and the end of a limit that it shares with other calls. The end of
// the caller's context is not heeded, as go-redis would only do where it waits for
// a connection.
type bounded struct {
	context.Context
	limit *limit
}

// limit ends calls. One begins an eighth of CallTimeout after the other, and not
// with each call: a timer for each, and its cancelling, was measured as a third of
// what this package adds to the bare commands.
type limit struct {
	context.Context
	cancel context.CancelFunc
	fresh  time.Time // until when calls may begin
}

func (l *Locks) bound(ctx context.Context) bounded {
	now := time.Now()
	current := l.limit.Load()
	if current == nil || now.After(current.fresh) {
		current = &limit{fresh: now.Add(l.config.CallTimeout / 8)}
		current.Context, current.cancel = context.WithTimeout(context.Background(), l.config.CallTimeout)
		l.limit.Store(current) // of two who come together, both are good
	}
	return bounded{ctx, current}
}

func (b bounded) Done() <-chan struct{} { return b.limit.Done() }
func (b bounded) Err() error            { return b.limit.Err() }

func (b bounded) Deadline() (time.Time, bool) {
	deadline, _ := b.limit.Deadline()
	if of, limited := b.Context.Deadline(); limited && of.Before(deadline) {
		deadline = of
	}
	return deadline, true
}
