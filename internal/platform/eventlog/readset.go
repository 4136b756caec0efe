package eventlog

import (
	"context"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// readSet is the command that a reader sends again and again, with the places
// of its topics. Only the reader's goroutine uses it.
type readSet struct {
	wakeKey string
	woken   string // the last wake seen
	topics  []*topic
	index   map[string]int // key -> place in topics
	args    []any          // XREAD COUNT n BLOCK ms STREAMS key... id...
}

// Places in args. Redis Cluster routes by the first key.
const (
	blockArg = 4
	firstKey = 6
)

func newReadSet(wakeKey string) readSet {
	return readSet{wakeKey: wakeKey, woken: ID{}.String()}
}

// rebuild takes over the topics. The wake key comes last and makes the set of
// keys never empty.
func (s *readSet) rebuild(topics map[string]*topic) {
	s.topics = make([]*topic, 0, len(topics))
	s.index = make(map[string]int, len(topics))
	s.args = append(make([]any, 0, firstKey+2*len(topics)+2),
		"xread", "count", readCount, "block", int64(0), "streams")
	for key, t := range topics {
		s.index[key] = len(s.topics)
		s.topics = append(s.topics, t)
		s.args = append(s.args, key)
	}
	s.args = append(s.args, s.wakeKey)
	for _, t := range s.topics {
		s.args = append(s.args, t.pos.String())
	}
	s.args = append(s.args, s.woken)
}

// read blocks until there is something, or for the time given, after which it
// returns nothing. The command is made by hand because the client's
// own XRead waits ten seconds more than asked for a connection that is dead.
func (s *readSet) read(ctx context.Context, client redis.UniversalClient, block time.Duration) ([]redis.XStream, error) {
	s.args[blockArg] = max(block.Milliseconds(), 1) // 0 would be for ever
	command := redis.NewXStreamSliceCmd(ctx, s.args...)
	command.SetFirstKeyPos(firstKey)
	if err := client.Process(ctx, command); err != nil && !isNothing(err) {
		return nil, err
	}
	return command.Val(), nil
}

// advance notes the entries as read and returns their topic, nil for a wake.
func (s *readSet) advance(stream redis.XStream) *topic {
	if len(stream.Messages) == 0 {
		return nil
	}
	last := stream.Messages[len(stream.Messages)-1].ID
	if stream.Stream == s.wakeKey {
		s.woken = last
		s.args[len(s.args)-1] = last
		return nil
	}
	i, known := s.index[stream.Stream]
	if !known {
		return nil
	}
	t := s.topics[i]
	id, _ := ParseID(last)
	s.move(t, id)
	return t
}

func (s *readSet) move(t *topic, pos ID) {
	t.pos = pos
	s.args[firstKey+len(s.topics)+1+s.index[t.key]] = pos.String()
}

func (s *readSet) doubtAll() {
	for _, t := range s.topics {
		t.doubtful = true
	}
}

// placed reports whether there is a place that a log must hold.
func (s *readSet) placed() bool {
	return slices.ContainsFunc(s.topics, func(t *topic) bool { return !t.pos.IsZero() })
}

func (s *readSet) doubtful() []*topic {
	var doubtful []*topic
	for _, t := range s.topics {
		if t.doubtful && !t.pos.IsZero() {
			doubtful = append(doubtful, t)
		}
	}
	return doubtful
}

// logEnd is what a log says of a place in it.
type logEnd struct {
	held bool // it holds the entry of that id
	last ID   // its last entry, zero when it is gone
}

// lookUp asks the logs of topics, all of one hash tag, for their ends, in one
// round trip. It asks for anyKey of the tag as well, so that with no topics it
// still tells whether Redis answers.
func lookUp(ctx context.Context, client redis.UniversalClient, anyKey string, topics []*topic) ([]logEnd, error) {
	held := make([]*redis.XMessageSliceCmd, len(topics))
	last := make([]*redis.XMessageSliceCmd, len(topics))
	_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Exists(ctx, anyKey)
		for i, t := range topics {
			held[i] = p.XRangeN(ctx, t.key, t.pos.String(), t.pos.String(), 1)
			last[i] = p.XRevRangeN(ctx, t.key, "+", "-", 1)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	ends := make([]logEnd, len(topics))
	for i := range topics {
		ends[i].held = len(held[i].Val()) > 0
		for _, e := range toEntries(last[i].Val()) {
			ends[i].last = e.ID
		}
	}
	return ends, nil
}
