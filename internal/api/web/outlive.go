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
// on a connection that was taken over. What it gives is to be run in a goroutine of its own,
// once: it calls run with a context that is Detach's and ends with run, and then writes the
// line of the request, with how long it took in all and the bytes that run tells. An error
// of run is logged as a handler's is, context.Canceled meaning that the client has left, and
// a panic too. It is to be called by the handler, which then returns no error.
func Outlive(ctx context.Context, run func(context.Context) (bytes int64, err error)) func() {
	from := originFrom(ctx)
	from.outlived = true
	later := Detach(ctx)
	return func() {
		ctx, cancel := context.WithCancel(later)
		defer cancel()
		bytes, err := orPanic(ctx, run)
		if err != nil {
			from.entry.logEnd(ctx, err)
		}
		from.entry.write(ctx, outcome{status: http.StatusOK, bytes: bytes})
	}
}

// orPanic makes an error of a panic.
func orPanic(ctx context.Context, run func(context.Context) (int64, error)) (bytes int64, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value: value, stack: debug.Stack()}
		}
	}()
	return run(ctx)
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
