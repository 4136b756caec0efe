package gate

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// RecordState is what became of a record.
type RecordState int

// States of a record. The zero state is Missing: nobody has opened it here, or
// its time is over, and what it is must be found out elsewhere.
const (
	Missing RecordState = iota
	Open
	Shut
)

// Record is what is known of a key under a subject.
type Record struct {
	State  RecordState
	Value  []byte    // as stored; nil unless open
	SeenAt time.Time // when it was entered before this time, or first opened; zero unless open
}

// openScript stores a record unless it is shut, and keeps the time of its last
// entry. KEYS: the record. ARGV: time or empty, value, ttl in milliseconds. The
// first Open counts as seen: it follows the entry that found nothing.
const openScript = nowScript + `
if redis.call('HGET', KEYS[1], 'state') == 'shut' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'open', 'value', ARGV[2])
redis.call('HSETNX', KEYS[1], 'seen', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`

// shutScript leaves a tombstone; one that lives longer already is left as it is.
// KEYS: the record. ARGV: ttl in milliseconds.
const shutScript = `
if redis.call('HGET', KEYS[1], 'state') == 'shut' and redis.call('PTTL', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'state', 'shut')
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
`

// forgetScript removes records that are not shut. KEYS: the records.
const forgetScript = `
for _, key in ipairs(KEYS) do
  if redis.call('HGET', key, 'state') ~= 'shut' then redis.call('DEL', key) end
end
return 1
`

// Open stores a record for ttl, over an open one too, whose SeenAt it keeps. A
// shut one it never replaces: opened is false then. A ttl of less than a
// millisecond is taken for one. The error wraps ErrUnavailable, or is ctx's own.
func (g *Gate) Open(ctx context.Context, subject, record string, value []byte, ttl time.Duration) (opened bool, err error) {
	answer, err := g.run(ctx, "open a record", g.open,
		[]string{recordKey(subject, record)}, g.clock(), value, milliseconds(ttl))
	return answer == int64(1), err
}

// Shut puts a tombstone in the place of a record, there or not: until ttl is over
// no Open counts, not even one that was under way. ttl must outlast every Open
// that may still come with what was read before. Shutting again never shortens
// it. The error wraps ErrUnavailable, or is ctx's own.
func (g *Gate) Shut(ctx context.Context, subject, record string, ttl time.Duration) error {
	_, err := g.run(ctx, "shut a record", g.shut, []string{recordKey(subject, record)}, milliseconds(ttl))
	return err
}

// Forget removes open records, so that the next Enter finds them missing, and
// leaves shut ones. The error wraps ErrUnavailable, or is ctx's own.
func (g *Gate) Forget(ctx context.Context, subject string, records ...string) error {
	if len(records) == 0 {
		return nil
	}
	_, err := g.run(ctx, "forget records", g.forget, recordKeys(subject, records))
	return err
}

// Seen tells when open records of a subject were last entered, in one pipelined
// round trip. Records that are missing or shut are not in the answer. The error
// wraps ErrUnavailable, or is ctx's own.
func (g *Gate) Seen(ctx context.Context, subject string, records []string) (map[string]time.Time, error) {
	seen := make(map[string]time.Time, len(records))
	if len(records) == 0 {
		return seen, nil
	}
	err := g.call(ctx, "look up when records were seen", func(ctx context.Context) error {
		pipe := g.client.Pipeline()
		asked := make([]*redis.StringCmd, len(records))
		for i, key := range recordKeys(subject, records) {
			asked[i] = pipe.HGet(ctx, key, "seen")
		}
		_, _ = pipe.Exec(ctx) // each command has its own error, and a missing record is one
		for i, command := range asked {
			text, err := command.Result()
			if err != nil && !errors.Is(err, redis.Nil) {
				return err
			}
			if at := readTime(text); !at.IsZero() {
				seen[records[i]] = at
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return seen, nil
}
