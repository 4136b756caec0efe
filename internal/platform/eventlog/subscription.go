package eventlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// mergeLimit is how many entries Next puts together when it finds itself
// behind: fewer, larger writes let a subscriber catch up.
const mergeLimit = 256

// Subscription delivers one stream to one subscriber, in order, without hole or
// duplicate. Next is for one goroutine at a time; Close for any.
type Subscription struct {
	log    *Log
	stream string
	reader *reader
	topic  *topic // with its index in topic.subs, guarded by reader.mu
	index  int

	at   atomic.Pointer[batch] // the last link taken; nil when cut off
	slow atomic.Bool           // it was its own doing
	done chan struct{}         // closed by finish
	end  sync.Once
	why  error // set before done is closed

	// Next's own.
	last        ID   // the last entry returned
	behind      bool // there are entries after last that the chain will not bring
	unavailable bool // has been told of the outage that lasts
	failures    int  // of its own reads, one after the other

	release func() bool
}

// Follow subscribes to a stream from the entry after on: zero for the whole log
// and what comes, also when there is no log yet. It returns at once and reports
// what goes wrong through Next. The subscription ends with ctx, Close or the
// Log; Close must be called in any case.
//
// An entry that the log does not hold as after gives ErrRestarted first: a
// caller that has the whole state from elsewhere follows after the id that goes
// with that state, or calls Resume before.
func (l *Log) Follow(ctx context.Context, stream string, after ID) *Subscription {
	s := &Subscription{log: l, stream: stream, done: make(chan struct{}), release: func() bool { return false }}
	if !l.register(s, after) {
		s.why = ErrClosed
		s.end.Do(func() { close(s.done) })
		return s
	}
	s.release = context.AfterFunc(ctx, func() {
		s.finish(fmt.Errorf("%w: %w", ErrClosed, context.Cause(ctx)))
	})
	return s
}

func (l *Log) register(s *Subscription, after ID) bool {
	tag := tagOf(s.stream)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	r := l.readers[tag]
	if r == nil {
		r = newReader(l, tag)
		l.readers[tag] = r
		l.work.Go(r.run)
	}
	r.follow(s, l.key(s.stream), after)
	return true
}

// Close ends the subscription; Next gives ErrClosed from then on. It is
// idempotent.
func (s *Subscription) Close() {
	s.release()
	s.finish(ErrClosed)
}

func (s *Subscription) finish(why error) {
	s.end.Do(func() {
		s.why = why
		close(s.done)
		s.reader.leave(s)
	})
}

// Last is the id of the last entry that Next returned, or where Follow began:
// the place to follow from again. It is for the goroutine that calls Next.
func (s *Subscription) Last() ID { return s.last }

// Next waits for entries and returns all there are, up to some hundred. They
// are shared: read only. It answers
//   - ErrUnavailable once when Redis gets out of reach; call it again and it
//     waits for the outage to end, which no entries and no error tell;
//   - ErrRestarted when what follows is the log from its beginning;
//   - ErrTooSlow, ErrClosed when the subscription is over, again each time;
//   - ctx's cause when that ends first: the subscription goes on, nothing is lost.
func (s *Subscription) Next(ctx context.Context) ([]Entry, error) {
	for {
		select {
		case <-s.done:
			s.at.Store(nil) // a place in the chain would hold all that follows
			return nil, s.why
		default:
		}
		entries, told, err := s.step(ctx)
		if told || err != nil {
			s.log.metrics.countNext(entries, err)
			return entries, err
		}
	}
}

// step makes one move; told says that it has something to return.
func (s *Subscription) step(ctx context.Context) (entries []Entry, told bool, err error) {
	if s.behind {
		return s.catchUp(ctx)
	}
	at := s.at.Load()
	switch {
	case at == nil && s.slow.Load():
		s.log.metrics.dropped.Inc()
		s.finish(ErrTooSlow)
		return nil, false, nil
	case at == nil:
		s.behind = true
		return nil, false, nil
	case !at.isReady():
		return nil, false, s.wait(ctx, at)
	}
	return s.take(at)
}

func (s *Subscription) wait(ctx context.Context, at *batch) error {
	select {
	case <-at.ready:
		return nil
	case <-s.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// take moves along the chain: over one notice, or over all batches that are
// there, put together.
func (s *Subscription) take(at *batch) (entries []Entry, told bool, err error) {
	next := at.next
	entries, end := merge(next)
	if !s.at.CompareAndSwap(at, end) {
		return nil, false, nil // cut off meanwhile
	}
	if next.notice != noticeNone {
		told, err = s.heed(next.notice)
		return nil, told, err
	}
	// Entries that a fetch has brought already come again in the chain.
	entries = after(entries, s.last)
	if len(entries) == 0 {
		return nil, false, nil
	}
	s.last = entries[len(entries)-1].ID
	s.unavailable = false
	return entries, true, nil
}

// merge collects the entries of b and of the batches that follow it already,
// and returns the last of them.
func merge(b *batch) (entries []Entry, end *batch) {
	entries = slices.Clip(b.entries) // shared: appending must copy
	for b.notice == noticeNone && len(entries) < mergeLimit && b.isReady() && b.next.notice == noticeNone {
		b = b.next
		entries = append(entries, b.entries...)
	}
	return entries, b
}

func after(entries []Entry, last ID) []Entry {
	i, found := slices.BinarySearchFunc(entries, last, func(e Entry, id ID) int { return e.ID.Compare(id) })
	if found {
		i++
	}
	return entries[i:]
}

func (s *Subscription) heed(n notice) (told bool, err error) {
	switch n {
	case noticeUnavailable:
		err = s.outage(ErrUnavailable)
		return err != nil, err
	case noticeRecovered:
		told = s.unavailable
		s.unavailable = false
		return told, nil
	default:
		s.restart()
		return true, ErrRestarted
	}
}

// outage returns err the first time in an outage and nil after.
func (s *Subscription) outage(err error) error {
	if s.unavailable {
		return nil
	}
	s.unavailable = true
	return err
}

func (s *Subscription) restart() {
	s.last, s.behind, s.unavailable = ID{}, true, false
}

// catchUp fetches one page of what the chain will not bring. It takes its place
// at the chain's end first: what is published from then on comes through the
// chain, what was before is in the log by now, and what is in both is skipped.
func (s *Subscription) catchUp(ctx context.Context) (entries []Entry, told bool, err error) {
	s.reader.mu.Lock()
	s.at.Store(s.topic.tail)
	s.reader.mu.Unlock()
	entries, found, err := s.log.page(ctx, s.stream, s.last, catchUpPage)
	if err != nil {
		return s.fetchFailed(ctx, err)
	}
	s.failures = 0
	if !found {
		s.restart()
		return nil, true, ErrRestarted
	}
	s.behind = len(entries) == catchUpPage
	if s.behind {
		s.at.Store(nil) // the next page asks anew: hold nothing meanwhile
	}
	told = s.unavailable || len(entries) > 0
	s.unavailable = false
	if len(entries) > 0 {
		s.last = entries[len(entries)-1].ID
	}
	return entries, told, nil
}

func (s *Subscription) fetchFailed(ctx context.Context, err error) (entries []Entry, told bool, _ error) {
	if !errors.Is(err, ErrUnavailable) {
		return nil, true, err
	}
	if told := s.outage(err); told != nil {
		return nil, true, told
	}
	select {
	case <-ctx.Done():
	case <-s.done:
	case <-time.After(backoff(s.failures)):
	}
	s.failures++
	return nil, false, nil
}
