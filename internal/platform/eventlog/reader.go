package eventlog

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	readCount  = 128 // entries of one stream in one read
	backoffMin = 50 * time.Millisecond
	backoffMax = time.Second
	wakeTTL    = time.Minute
)

// reader reads all followed streams of one hash tag with one blocking command
// at a time. It starts with the tag's first subscriber and ends Config.Linger
// after the last, or with the log.
type reader struct {
	log     *Log
	tag     int
	changed chan struct{} // tells a lingering reader that there is work

	mu     sync.Mutex
	topics map[string]*topic // by key
	dirty  bool              // topics differ from set
	parked bool              // between arm and disarm: a new topic needs a wake
	woken  bool              // a wake is on its way
	down   bool              // subscribers know that Redis is out of reach

	// The goroutine's own.
	set      readSet
	connects uint64 // Log.connects when the places were last put in doubt
}

func newReader(l *Log, tag int) *reader {
	return &reader{
		log: l, tag: tag, changed: make(chan struct{}, 1),
		topics: make(map[string]*topic), set: newReadSet(l.wakeKey(tag)),
	}
}

// follow registers s. A stream that is new to the reader is read from after
// on; of one already read, s fetches what it missed by itself. Callers hold
// log.mu, so that the reader cannot retire meanwhile.
func (r *reader) follow(s *Subscription, key string, after ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.reader, s.last = r, after
	if t := r.topics[key]; t != nil {
		t.add(s)
		s.behind = true
		return
	}
	t := newTopic(key, after)
	t.add(s)
	r.topics[key] = t
	r.dirty = true
	if r.down {
		t.publish(newBatch(nil, noticeUnavailable), int64(r.log.config.Buffer))
	}
	select {
	case r.changed <- struct{}{}:
	default:
	}
	if r.parked && !r.woken && !r.down {
		r.woken = true
		id := ID{Ms: r.log.wakes[r.tag].Add(1)}
		r.log.work.Go(func() { r.wake(id) })
	}
}

// wake ends the blocking read that does not know the newest topics. The ids are
// a count, not the time: they rise even when the clock or Redis starts anew, and
// over all readers of the tag, since the key outlives one. A wake that is lost costs a new topic Config.Block at most.
func (r *reader) wake(id ID) {
	ctx, cancel := r.log.call(r.log.ctx)
	defer cancel()
	key := r.set.wakeKey
	_, _ = r.log.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.XAdd(ctx, &redis.XAddArgs{Stream: key, MaxLen: 1, ID: id.String(), Values: []string{"w", "1"}})
		p.PExpire(ctx, key, wakeTTL)
		return nil
	})
}

// leave forgets s. The stream is read until the blocking read ends by itself.
func (r *reader) leave(s *Subscription) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.topic.remove(s)
	if len(s.topic.subs) == 0 && r.topics[s.topic.key] == s.topic {
		delete(r.topics, s.topic.key)
		r.dirty = true
	}
}

func (r *reader) finishAll(reason error) {
	r.mu.Lock()
	var subs []*Subscription
	for _, t := range r.topics {
		subs = append(subs, t.subs...)
	}
	r.mu.Unlock()
	for _, s := range subs {
		s.finish(reason)
	}
}

func (r *reader) count(s *Stats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Readers++
	s.Streams += len(r.topics)
	for _, t := range r.topics {
		s.Subscriptions += len(t.subs)
	}
	if r.down {
		s.Unavailable++
	}
}

func (r *reader) run() {
	failures, began := 0, time.Now()
	for r.log.ctx.Err() == nil {
		if !r.arm() {
			if r.retired() {
				return
			}
			continue
		}
		// A reader that was stopped for long may have been overtaken by trimming.
		if time.Since(began) > r.log.config.Block+r.log.config.CallTimeout {
			r.set.doubtAll()
		}
		began = time.Now()
		err := r.turn(failures > 0)
		r.disarm()
		if err == nil {
			failures = 0
			continue
		}
		failures++
		r.set.doubtAll()
		// One broken connection is no outage: the second try, at once, decides.
		if failures > 1 {
			r.tell(true)
			select {
			case <-r.log.ctx.Done():
			case <-time.After(backoff(failures - 2)):
			}
		}
	}
}

// arm prepares the read set and reports whether there is anything to read.
func (r *reader) arm() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.topics) == 0 {
		r.down = false
		return false
	}
	if r.dirty {
		r.dirty = false
		r.set.rebuild(r.topics)
	}
	r.parked, r.woken = true, false
	return true
}

func (r *reader) disarm() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parked = false
}

// retired waits out the linger and reports whether the reader is done for.
func (r *reader) retired() bool {
	timer := time.NewTimer(r.log.config.Linger)
	defer timer.Stop()
	select {
	case <-r.changed:
		return false
	case <-r.log.ctx.Done():
		return true
	case <-timer.C:
	}
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.topics) > 0 {
		return false
	}
	r.log.readers[r.tag] = nil
	return true
}

// turn makes one blocking read and publishes what it brought.
func (r *reader) turn(afterFailure bool) error {
	if now := r.log.connects.Load(); now != r.connects {
		r.connects = now
		r.set.doubtAll()
	}
	if err := r.verify(afterFailure); err != nil {
		return err
	}
	// After a failure the read does not wait, so that its end is soon told.
	block := r.log.config.Block
	if afterFailure {
		block = time.Millisecond
	}
	streams, err := r.set.read(r.log.ctx, r.log.blocking, block)
	if err != nil {
		return err
	}
	if afterFailure {
		r.tell(false)
	}
	if r.log.connects.Load() != r.connects && r.set.placed() {
		// Perhaps another Redis than the one whose log holds the places: what it
		// says counts once they are found in it, and comes again then.
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, stream := range streams {
		if t := r.set.advance(stream); t != nil {
			t.publish(newBatch(toEntries(stream.Messages), noticeNone), int64(r.log.config.Buffer))
		}
	}
	return nil
}

// verify asks whether the logs still hold the places that are in doubt: those
// that subscribers came with, and all after a failure or on a new connection,
// since Redis may have come back empty or older. A log that does not starts
// anew: its subscribers read it from the beginning by themselves, the reader
// goes on from its end.
func (r *reader) verify(always bool) error {
	doubtful := r.set.doubtful()
	if len(doubtful) == 0 && !always {
		return nil
	}
	ends, err := lookUp(r.log.ctx, r.log.blocking, r.set.wakeKey, doubtful)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, t := range doubtful {
		t.doubtful = false
		if ends[i].held {
			continue
		}
		r.set.move(t, ends[i].last)
		t.publish(newBatch(nil, noticeRestarted), int64(r.log.config.Buffer))
	}
	return nil
}

// tell lets every subscriber know that an outage began or ended, once.
func (r *reader) tell(down bool) {
	n := noticeRecovered
	if down {
		n = noticeUnavailable
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down == down {
		return
	}
	r.down = down
	for _, t := range r.topics {
		t.publish(newBatch(nil, n), int64(r.log.config.Buffer))
	}
}

// backoff is the wait after failure n, counted from 0: 50 ms doubled up to a
// second, of which half is chance.
func backoff(n int) time.Duration {
	d := backoffMax
	if n < 5 {
		d = min(backoffMin<<n, backoffMax)
	}
	return d/2 + rand.N(d/2)
}

// isNothing tells a read that timed out empty from one that failed.
func isNothing(err error) bool { return errors.Is(err, redis.Nil) }
