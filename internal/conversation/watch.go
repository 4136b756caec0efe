package conversation

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
)

// WatchInput says which conversation to watch, and from where.
type WatchInput struct {
	UserID         uuid.UUID
	ConversationID uuid.UUID
	After          WatchPosition // zero: from now on
}

// A Watch is one reader's way through all that happens in a conversation: its versions, as
// PostgreSQL has them, and the log of the reply that is being written. So nothing is missed
// whatever Redis has lost: there it only hears that it is time to look. Next is for one
// goroutine; Close must be called.
type Watch struct {
	service *Service
	in      WatchInput
	at      WatchPosition
	tell    bool // what the conversation is comes first

	look    bool // there may be news in PostgreSQL
	drain   bool // the reply that is followed has ended; its last events come before anything else
	reply   *replyWatch
	ended   uuid.UUID // the reply whose last event was given
	attempt int       // of it

	rings  chan struct{} // holds one token when there may be news
	outage chan bool     // whether the log is out of reach; the newest word on it
	away   bool
	over   bool
	stop   context.CancelFunc
	work   sync.WaitGroup
}

// Watch begins to watch. Without a position, the first event is conversation.updated.
// Fault: resource.not_found.
func (s *Service) Watch(ctx context.Context, in WatchInput) (*Watch, error) {
	newest, _, _ := s.log.Newest(ctx, watchStream(in.ConversationID)) // where it is away, all is news
	now, reply, err := s.store.headAndReply(ctx, in.UserID, in.ConversationID)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	w := &Watch{
		service: s, in: in, at: in.After, rings: make(chan struct{}, 1), outage: make(chan bool, 1), stop: stop,
		look: true, tell: in.After.Version == 0,
	}
	if w.tell {
		w.at = WatchPosition{Version: now.Version}
		if reply != nil {
			w.at.Reply = *reply
		}
	}
	sub := s.log.Follow(ctx, watchStream(in.ConversationID), newest.ID)
	w.work.Go(func() { w.listen(ctx, sub) })
	return w, nil
}

// Close ends the watching and waits for it. Idempotent.
func (w *Watch) Close() {
	w.leave()
	w.stop()
	w.work.Wait()
}

// listen passes on that there is news.
func (w *Watch) listen(ctx context.Context, sub *eventlog.Subscription) {
	defer sub.Close()
	for {
		_, err := sub.Next(ctx)
		switch {
		case errors.Is(err, eventlog.ErrUnavailable):
			put(w.outage, true)
			continue
		case errors.Is(err, eventlog.ErrRestarted):
		case err != nil: // closed
			return
		}
		put(w.outage, false)
		put(w.rings, struct{}{})
	}
}

// put leaves the newest in a channel that holds one.
func put[T any](in chan T, value T) {
	for {
		select {
		case in <- value:
			return
		default:
		}
		select {
		case <-in:
		default:
		}
	}
}

// Next waits for events and gives all there are. After conversation.deleted it gives
// io.EOF. ErrTooSlow of the event log means that the reader stayed behind; ctx's cause
// comes back when that ends first. A reader that is still there can resume.
func (w *Watch) Next(ctx context.Context) ([]WatchEvent, error) {
	for {
		events, err := w.next(ctx)
		if len(events) > 0 || err != nil {
			return events, err
		}
	}
}

// next makes one step; no events and no error mean another.
func (w *Watch) next(ctx context.Context) ([]WatchEvent, error) {
	switch {
	case w.over:
		return nil, io.EOF
	case w.look && !w.drain:
		return w.catchUp(ctx)
	}
	if err := w.join(ctx); err != nil {
		return nil, err
	}
	return w.wait(ctx)
}

// wait waits for the reply that is followed, or for news.
func (w *Watch) wait(ctx context.Context) ([]WatchEvent, error) {
	look := time.NewTimer(w.service.looks.wait(w.away))
	defer look.Stop()
	rings, written := w.rings, (chan replyNews)(nil)
	if w.reply != nil {
		written = w.reply.news
	}
	if w.drain {
		rings = nil
	}
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case n := <-written:
		return w.hear(n)
	case w.away = <-w.outage:
	case <-rings:
		w.look = true
	case <-look.C:
		w.look = true
	}
	return nil, nil
}

// replyNews is what the log of a reply tells.
type replyNews struct {
	events []Event
	err    error
}

// A replyWatch follows one reply for a Watch.
type replyWatch struct {
	id   uuid.UUID
	news chan replyNews
	stop context.CancelFunc
	done chan struct{}
}

// join begins to follow the reply that is being written, if one is.
func (w *Watch) join(ctx context.Context) error {
	if w.reply != nil && w.reply.id == w.at.Reply || w.at.Reply == uuid.Nil {
		return nil
	}
	w.leave()
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	feed, over, err := w.service.follow(following, FollowInput{
		UserID: w.in.UserID, ConversationID: w.in.ConversationID, MessageID: w.at.Reply, After: w.at.Within,
	}, hiddenToo)
	if err != nil || over {
		stop()
		return w.notJoined(err)
	}
	r := &replyWatch{id: w.at.Reply, news: make(chan replyNews), stop: stop, done: make(chan struct{})}
	w.reply = r
	go r.run(following, feed)
	return nil
}

// notJoined is for a reply whose last event was given, or that cannot be followed.
func (w *Watch) notJoined(err error) error {
	switch {
	case errors.Is(err, errMessageNotFound): // the conversation is gone
		w.look, w.at.Reply, w.drain = true, uuid.Nil, false
		return nil
	case err != nil:
		return err
	}
	w.end(w.at.Reply, w.at.Within.EndedAt)
	return nil
}

// run hands on what the feed gives, one after the other.
func (r *replyWatch) run(ctx context.Context, feed *Feed) {
	defer close(r.done)
	defer feed.Close()
	for {
		events, err := feed.Next(ctx)
		select {
		case r.news <- replyNews{events, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// leave follows the reply no more.
func (w *Watch) leave() {
	if w.reply != nil {
		w.reply.stop()
		<-w.reply.done
		w.reply = nil
	}
}

// hear takes what the log of the reply tells.
func (w *Watch) hear(n replyNews) ([]WatchEvent, error) {
	if errors.Is(n.err, errMessageNotFound) {
		w.leave()
		w.look, w.at.Reply, w.drain = true, uuid.Nil, false
		return nil, nil
	}
	if n.err != nil {
		return nil, n.err
	}
	events := make([]WatchEvent, 0, len(n.events))
	for _, e := range n.events {
		w.at.Within = e.Position
		events = append(events, WatchEvent{Event: e, At: w.at})
	}
	if last := n.events[len(n.events)-1]; last.Terminal() {
		w.leave()
		w.end(last.MessageID, last.Attempt)
	}
	return events, nil
}

// end notes that the last event of a reply was given.
func (w *Watch) end(reply uuid.UUID, attempt int) {
	w.ended, w.attempt = reply, attempt
	w.at.Reply, w.at.Within = uuid.Nil, Position{}
	w.drain, w.look = false, true
}

// newsKept is how many words of news are kept: the last one says it all.
const newsKept = 10

// wake tells those who watch that there is news. Where the log is away they look by
// themselves.
func (s *Service) wake(ctx context.Context, conversation uuid.UUID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceWait)
	defer cancel()
	_, err := s.log.Append(ctx, eventlog.AppendInput{
		Stream: watchStream(conversation), After: eventlog.AnyID, Entry: []byte("{}"), Cap: newsKept, Keep: endedKept,
	})
	if err != nil {
		s.logger.DebugContext(ctx, "who watches a conversation learns of its news later", "conversation_id", conversation, "error", err.Error())
	}
}
