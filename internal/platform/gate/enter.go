package gate

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Take counts one request of a subject. It never fails: with Redis away the
// request passes. The client does not send a script again after a time-out, so that
// a request counts once.
func (g *Gate) Take(ctx context.Context, subject string, limit Limit) Pass {
	if limit.Quota == 0 {
		return Pass{Limit: limit, Allowed: true}
	}
	pass, _, err := g.ask(ctx, subject, limit, "", false)
	if err != nil {
		return g.uncounted(limit)
	}
	return pass
}

// Enter counts one request of a subject and looks up a record, in one round trip;
// an open record remembers when. An error says that Redis is away: the request is
// not counted then, and of the record nothing is known.
func (g *Gate) Enter(ctx context.Context, subject string, limit Limit, record string) (Pass, Record, error) {
	pass, found, err := g.ask(ctx, subject, limit, record, true)
	if err != nil {
		return g.uncounted(limit), Record{}, err
	}
	return pass, found, nil
}

func (g *Gate) uncounted(limit Limit) Pass {
	if limit.Quota > 0 {
		g.unlimited.Add(1)
	}
	return Pass{Limit: limit, Allowed: true}
}

func (g *Gate) ask(ctx context.Context, subject string, limit Limit, record string, wanted bool) (Pass, Record, error) {
	now, want := "", "0"
	if g.now != nil {
		now = strconv.FormatInt(g.now().UnixMicro(), 10)
	}
	if wanted {
		want = "1"
	}
	keys := []string{key(subject, "limit", limit.Name), key(subject, "record", record)}
	answer, err := try(ctx, g, func(ctx context.Context) ([]any, error) {
		return g.script.Run(ctx, g.client, keys, limit.Quota, limit.Window.Microseconds(), now, want).Slice()
	})
	if err != nil {
		return Pass{}, Record{}, err
	}
	return read(answer, limit)
}

// read takes the answer of the script apart.
func read(answer []any, limit Limit) (Pass, Record, error) {
	var n [6]int64
	for i := range n {
		v, ok := at(answer, i).(int64)
		if !ok {
			return Pass{}, Record{}, errors.New("gate: the script's answer is not understood")
		}
		n[i] = v
	}
	value, _ := at(answer, len(n)).(string)
	pass := Pass{
		Limit: limit, Counted: n[0] == 1, Allowed: n[1] == 1, Remaining: int(n[2]),
		Reset: time.Duration(n[3]) * time.Microsecond, RetryAfter: time.Duration(n[4]) * time.Microsecond,
	}
	return pass, Record{State: State(n[5]), Value: []byte(value)}, nil
}

func at(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// open stores a record unless it is shut.
const open = `
if redis.call('HEXISTS', KEYS[1], 'shut') == 1 then return 0 end
redis.call('HSET', KEYS[1], 'value', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`

// shut closes a record, whatever it was, and never for less long than it is closed already.
const shut = `
if redis.call('HEXISTS', KEYS[1], 'shut') == 1 and redis.call('PTTL', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'shut', '1')
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1`

// forget deletes records that are not shut.
const forget = `
for _, key in ipairs(KEYS) do
  if redis.call('HEXISTS', key, 'shut') == 0 then redis.call('DEL', key) end
end
return 1`

// Open stores a record for a time. It reports false, and stores nothing, for one
// that is shut.
func (g *Gate) Open(ctx context.Context, subject, record string, value []byte, ttl time.Duration) (bool, error) {
	return g.change(ctx, open, []string{key(subject, "record", record)}, value, milliseconds(ttl))
}

// Shut closes a record for a time, in which Open does nothing.
func (g *Gate) Shut(ctx context.Context, subject, record string, ttl time.Duration) error {
	_, err := g.change(ctx, shut, []string{key(subject, "record", record)}, milliseconds(ttl))
	return err
}

// Forget deletes open records, so that their source is asked next time.
func (g *Gate) Forget(ctx context.Context, subject string, records ...string) error {
	keys := make([]string, 0, len(records))
	for _, r := range records {
		keys = append(keys, key(subject, "record", r))
	}
	if len(keys) == 0 {
		return nil
	}
	_, err := g.change(ctx, forget, keys)
	return err
}

func (g *Gate) change(ctx context.Context, script string, keys []string, args ...any) (bool, error) {
	n, err := try(ctx, g, func(ctx context.Context) (int64, error) {
		return redis.NewScript(script).Run(ctx, g.client, keys, args...).Int64()
	})
	return n == 1, err
}

func milliseconds(d time.Duration) int64 { return max(d.Milliseconds(), 1) }

// Seen tells when open records were last entered, those of which that is known.
func (g *Gate) Seen(ctx context.Context, subject string, records []string) (map[string]time.Time, error) {
	seen := map[string]time.Time{}
	if len(records) == 0 {
		return seen, nil
	}
	answers, err := try(ctx, g, func(ctx context.Context) ([]redis.Cmder, error) {
		return g.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, r := range records {
				p.HGet(ctx, key(subject, "record", r), "seen")
			}
			return nil
		})
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	for i, answer := range answers {
		micros, err := answer.(*redis.StringCmd).Int64()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("gate: read when a record was seen: %w", err)
		}
		seen[records[i]] = time.UnixMicro(micros)
	}
	return seen, nil
}
