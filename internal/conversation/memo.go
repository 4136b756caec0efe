package conversation

import (
	"sync"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

// heard is an entry of a reply's log as all readers of a node have it who got it from the
// same read: decoded once, and put into a frame once.
type heard struct {
	event Event
	err   error

	made  sync.Once
	at    WatchPosition // that value was made for
	value any
}

// hear decodes an entry, or gives what another reader has decoded. Its Message is shared
// and read only.
func hear(entry eventlog.Entry) (Event, error) {
	h := entry.Memo(func() any {
		h := &heard{}
		h.event, h.err = decode(entry)
		h.event.heard = h
		return h
	}).(*heard)
	return h.event, h.err
}

// Memo gives what compute made of the event, calling it once for all who watch the
// conversation on this node, know as much of it and got the event from the same read of
// the log; for an event of PostgreSQL's it calls it each time. All of them must pass the
// same function.
func (e WatchEvent) Memo(compute func() any) any {
	h := e.heard
	if h == nil {
		return compute()
	}
	h.made.Do(func() { h.at, h.value = e.At, compute() })
	if h.at != e.At { // another change of the conversation is known to one of them: another cursor
		return compute()
	}
	return h.value
}
