package presence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

// ErrNoLog says that there is no Config.Log to reach another node by.
var ErrNoLog = errors.New("presence: no log to send by")

func streamOf(node string) string { return "node:" + node }

// Send gives a message to Config.Received of a node: to one's own in this call, to
// another's through the log, where it waits out a short outage of either. Nobody
// says whether the node lives. The error wraps ErrNoLog, eventlog.ErrTooLarge or
// ErrUnavailable (the message may have been sent then), or is ctx's own.
func (p *Presence) Send(ctx context.Context, node string, message []byte) error {
	if node == p.node {
		p.config.Received(message)
		return nil
	}
	if p.config.Log == nil {
		return fmt.Errorf("send to node %s: %w", node, ErrNoLog)
	}
	_, err := p.config.Log.Append(ctx, eventlog.AppendInput{
		Stream: streamOf(node), After: eventlog.AnyID, Entry: message, Keep: p.config.KeyTTL,
	})
	if errors.Is(err, eventlog.ErrUnavailable) {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err != nil {
		return fmt.Errorf("send to node %s: %w", node, err)
	}
	return nil
}

// receive follows the node's stream until Stop. It is read from its beginning: the
// node's name is new, so that nothing in it is older than the node.
func (p *Presence) receive() {
	var last eventlog.ID
	for p.ctx.Err() == nil {
		sub := p.config.Log.Follow(p.ctx, streamOf(p.node), last)
		last = p.receiveFrom(sub, last)
		sub.Close()
		select { // it was too slow, or the log is closed
		case <-p.ctx.Done():
		case <-time.After(retryBeat):
		}
	}
}

// receiveFrom returns the last id when the subscription is over.
func (p *Presence) receiveFrom(sub *eventlog.Subscription, last eventlog.ID) eventlog.ID {
	for {
		entries, err := sub.Next(p.ctx)
		for _, e := range entries {
			if e.ID.Compare(last) > 0 { // a log told anew tells what was received
				last = e.ID
				p.config.Received(e.Data)
			}
		}
		switch {
		case err == nil, errors.Is(err, eventlog.ErrUnavailable), errors.Is(err, eventlog.ErrRestarted):
		default:
			return last
		}
	}
}
