package eventlog

// batch is one link of the chain that a topic publishes. Subscribers stand at a
// link and wait for its next: a batch is held once for all of them, waking all
// is one close, and a link that everyone has left is garbage.
type batch struct {
	entries []Entry
	notice  notice        // what the link says when it holds no entries
	total   int64         // cost of all links up to and with this one
	ready   chan struct{} // closed once next is set
	next    *batch
}

type notice int

const (
	noticeNone        notice = iota
	noticeUnavailable        // the reader cannot reach Redis
	noticeRecovered          // it can again
	noticeRestarted          // the reader's place is gone from the log
)

// entryCost is what an entry counts in Config.Buffer beside its bytes.
const entryCost = 64

func newBatch(entries []Entry, n notice) *batch {
	b := &batch{entries: entries, notice: n, total: entryCost, ready: make(chan struct{})}
	for _, e := range entries {
		b.total += int64(len(e.Data)) + entryCost
	}
	return b
}

func (b *batch) isReady() bool {
	select {
	case <-b.ready:
		return true
	default:
		return false
	}
}

// topic is a followed stream. Its reader's mutex guards it, but pos and
// doubtful are the reader goroutine's own once the topic is known to it.
type topic struct {
	key      string
	tail     *batch
	subs     []*Subscription
	weighed  int64 // the tail's total when slow subscribers were last looked for
	live     bool  // the reader keeps up with the log: bursts are not its own doing
	pos      ID    // the last entry read
	doubtful bool  // whether the log still holds pos must be asked
}

func newTopic(key string, after ID) *topic {
	return &topic{key: key, tail: newBatch(nil, noticeNone), pos: after, doubtful: !after.IsZero()}
}

// publish appends a link and cuts off whoever stands more than limit behind, so
// that nobody holds the chain in memory. The newest link does not count: nobody
// had the time to take it yet. While the reader itself catches up with the log,
// at more speed than is fair to subscribers, they are cut off without blame and
// fetch the entries by themselves.
func (t *topic) publish(b *batch, limit int64) {
	before := t.tail.total
	b.total += before
	t.tail.next = b
	close(t.tail.ready)
	t.tail = b
	live := t.live
	t.live = len(b.entries) < readCount && b.total-before < limit/4
	if b.total-t.weighed < limit/8 {
		return
	}
	t.weighed = b.total
	for _, s := range t.subs {
		if at := s.at.Load(); at != nil && before-at.total > limit {
			s.slow.Store(live) // read only once at is nil
			s.at.CompareAndSwap(at, nil)
		}
	}
}

func (t *topic) add(s *Subscription) {
	s.topic, s.index = t, len(t.subs)
	t.subs = append(t.subs, s)
	s.at.Store(t.tail)
}

func (t *topic) remove(s *Subscription) {
	last := t.subs[len(t.subs)-1]
	t.subs[s.index], last.index = last, s.index
	t.subs[len(t.subs)-1] = nil
	t.subs = t.subs[:len(t.subs)-1]
}
