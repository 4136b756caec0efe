package web

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
)

// MayOutlive reports that the answer is one of HTTP/1.1 with a body, whose connection can be
// taken over so that it goes on when the handler has returned.
func MayOutlive(ctx context.Context) bool { from := originFrom(ctx); return from.http11 && !from.head }

// Outlive lets a request go on when its handler has returned, after the answer 200 has begun
// on a connection that was taken over. It gives Detach's context, and what is to be deferred
// by the goroutine in which the request goes on: that writes the line of the request, with
// how long it took in all, and before it why it ended if err is not nil by then, of which
// context.Canceled means that the client has left. It recovers from a panic, which is logged
// with its stack. Outlive is called by the handler, which then returns no error.
func Outlive(ctx context.Context) (later context.Context, end func(err *error, written func() int64)) {
	from := originFrom(ctx)
	from.outlived = true
	later = Detach(ctx)
	return later, func(err *error, written func() int64) {
		if value := recover(); value != nil {
			*err = &panicError{value: value, stack: debug.Stack()}
		}
		if *err != nil {
			from.entry.logEnd(later, *err)
		}
		from.entry.write(later, outcome{status: http.StatusOK, bytes: written()})
	}
}

// logEnd writes why an answer under way has ended.
func (e *entry) logEnd(ctx context.Context, err error) {
	problem := Describe(err)
	if problem.Status >= http.StatusInternalServerError {
		e.logCause(ctx, problem, err, errors.Is(err, context.Canceled))
		return
	}
	e.logLate(ctx, err)
}
