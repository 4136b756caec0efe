// Package telemetry carries what explains an effect along with the context that
// leads to it: who asked, in which request, because of which event. It promises
// nothing but to carry it; a context that was given none says so with zero values.
package telemetry

import (
	"context"

	"github.com/google/uuid"
)

// Origin is why something happens. Requests set it, jobs and event handlers pass
// it on, and events and the audit log record it.
type Origin struct {
	ActorID       uuid.UUID // the user who asked; zero: nobody, the service itself
	CorrelationID string    // the request that began it all (X-Request-ID); empty: none did
	CausationID   uuid.UUID // the event that led here; zero: none did
}

type originKey struct{}

// WithOrigin gives a context in which everything happens because of o.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginFrom says why the work under way happens.
func OriginFrom(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}
