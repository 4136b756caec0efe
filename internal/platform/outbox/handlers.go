package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// all stands for every type of event.
const all = "*"

// Handler has an effect for one event, through tx alone: what it commits there
// happens once. It may be run again when that transaction fails. Its context
// carries the event's Origin, and the event as the cause.
type Handler func(ctx context.Context, tx postgres.Tx, e Event) error

// Handlers collects the groups of a node and what they do, before Start. A
// group is a name, for ever: it gets each event from the moment on that a node
// first named it, whatever its handlers did with those before.
type Handlers struct {
	groups map[string]map[string]Handler // by group, then by type
}

// NewHandlers makes an empty collection.
func NewHandlers() *Handlers { return &Handlers{groups: map[string]map[string]Handler{}} }

// On adds what a group does about events of T's type; a second one for the same
// type panics. Fields that T does not know are ignored: a newer node wrote them.
func On[T Data](h *Handlers, group string, handle func(ctx context.Context, tx postgres.Tx, e Event, data T) error) {
	var zero T
	h.add(group, zero.EventType(), func(ctx context.Context, tx postgres.Tx, e Event) error {
		var data T
		if err := json.Unmarshal(e.Data, &data); err != nil {
			return fmt.Errorf("read event %s of type %s: %w", e.ID, e.Type, err)
		}
		return handle(ctx, tx, e, data)
	})
}

// OnAll adds what a group does about every event.
func OnAll(h *Handlers, group string, handle Handler) { h.add(group, all, handle) }

func (h *Handlers) add(group, kind string, handle Handler) {
	of := h.groups[group]
	if of == nil {
		of = map[string]Handler{}
		h.groups[group] = of
	}
	if of[kind] != nil {
		panic(fmt.Sprintf("outbox: group %s takes %s twice", group, kind))
	}
	of[kind] = handle
}

// find gives what group does about a type, or nil.
func (h *Handlers) find(group, kind string) Handler {
	if handle := h.groups[group][kind]; handle != nil {
		return handle
	}
	return h.groups[group][all]
}

// Groups gives the names of all groups, sorted.
func (h *Handlers) Groups() []string { return slices.Sorted(maps.Keys(h.groups)) }
