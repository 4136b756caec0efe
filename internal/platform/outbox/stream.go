package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// streamCap is how many entries a partition's stream may hold. What does not
// fit waits in the outbox, so that a group that stays behind fills no memory.
const streamCap = 20_000

// redisTimeout bounds one call, whatever the client's own limits.
const redisTimeout = 3 * time.Second

// reader is the one name under which a group's entries are pending: the lease
// says which node it is.
const reader = "leaseholder"

// Answers of the script that are not an id.
const (
	answerFenced = "fenced"
	answerLost   = "lost"
	answerFull   = "full"
)

// publishScript appends events to a stream unless a newer relay has the
// partition, the stream ends before the last entry that the relay knows of (it
// was lost, or restored from an older copy), or it is full. KEYS: stream, fence.
// ARGV: lease number, last known id or empty, cap, events. Numbers are compared
// as decimal text: Lua's are exact up to 2^53 only.
const publishScript = `
local function behind(a, b)
  local am, as = string.match(a, '(%d+)-(%d+)')
  local bm, bs = string.match(b, '(%d+)-(%d+)')
  if am ~= bm then return tonumber(am) < tonumber(bm) end
  return tonumber(as) < tonumber(bs)
end
local held = redis.call('GET', KEYS[2])
if held and (#held > #ARGV[1] or (#held == #ARGV[1] and held > ARGV[1])) then return 'fenced' end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local id = last and last[1] or '0-0'
if ARGV[2] ~= '' and behind(id, ARGV[2]) then return 'lost' end
if #ARGV > 3 and redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 'full' end
redis.call('SET', KEYS[2], ARGV[1])
for i = 4, #ARGV do id = redis.call('XADD', KEYS[1], '*', 'e', ARGV[i]) end
return id
`

// streams is this installation's part of Redis.
type streams struct {
	client    redis.UniversalClient
	namespace string // tells installations apart that share one Redis
	cap       int
}

func (s streams) key(partition int) string {
	return fmt.Sprintf("events:%s:{e%02d}", s.namespace, partition)
}

// publication is what one partition's stream gets.
type publication struct {
	lease   lease
	after   string // the last entry known of; empty: none
	entries [][]byte
}

// publish runs the script for all in one round trip and gives an answer each: an
// id, or one of the above.
func (s streams) publish(ctx context.Context, all []publication) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	pipe := s.client.Pipeline()
	commands := make([]*redis.Cmd, len(all))
	for i, p := range all {
		arguments := make([]any, 0, 3+len(p.entries))
		arguments = append(arguments, strconv.FormatInt(p.lease.number, 10), p.after, s.cap)
		for _, entry := range p.entries {
			arguments = append(arguments, entry)
		}
		key := s.key(p.lease.partition)
		commands[i] = pipe.Eval(ctx, publishScript, []string{key, key + ":fence"}, arguments...)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("publish events: %w", err)
	}
	answers := make([]string, len(all))
	for i, command := range commands {
		answers[i], _ = command.Val().(string)
	}
	return answers, nil
}

// forgetFence lets a relay with any number write.
func (s streams) forgetFence(ctx context.Context, partition int) error {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	if err := s.client.Del(ctx, s.key(partition)+":fence").Err(); err != nil {
		return fmt.Errorf("publish events: %w", err)
	}
	return nil
}

// entry is one event of a stream, with its id there.
type entry struct {
	id    string
	event Event
	err   error // why the event cannot be read
}

// join makes the group, from the stream's beginning, if it is not there.
func (s streams) join(ctx context.Context, group string, partition int) error {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	err := s.client.XGroupCreateMkStream(ctx, s.key(partition), group, "0").Err()
	if err != nil && !redis.HasErrorPrefix(err, "BUSYGROUP") {
		return fmt.Errorf("join group %s: %w", group, err)
	}
	return nil
}

// read gives the group's next entries, or, when again, those given before and
// not acknowledged. It does not wait. errNoGroup means that the stream was lost.
func (s streams) read(ctx context.Context, group string, partition, limit int, again bool) ([]entry, error) {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	from := ">"
	if again {
		from = "0"
	}
	found, err := s.client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: group, Consumer: reader, Streams: []string{s.key(partition), from}, Count: int64(limit), Block: -1,
	}).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case redis.HasErrorPrefix(err, "NOGROUP"):
		return nil, errNoGroup
	case err != nil:
		return nil, fmt.Errorf("read group %s: %w", group, err)
	}
	var out []entry
	for _, stream := range found {
		for _, m := range stream.Messages {
			out = append(out, decode(m))
		}
	}
	return out, nil
}

var errNoGroup = errors.New("the stream has no such group")

func decode(m redis.XMessage) entry {
	text, ok := m.Values["e"].(string)
	if !ok { // trimmed while it was pending
		return entry{id: m.ID, err: errors.New("the entry is empty")}
	}
	e := entry{id: m.ID}
	e.err = json.Unmarshal([]byte(text), &e.event)
	return e
}

func (s streams) acknowledge(ctx context.Context, group string, partition int, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	if err := s.client.XAck(ctx, s.key(partition), group, ids...).Err(); err != nil {
		return fmt.Errorf("acknowledge events: %w", err)
	}
	return nil
}

// trim deletes what every group has done with, but never the last entry: by it
// the relay knows the stream. Groups that nobody works for any more are removed.
func (s streams) trim(ctx context.Context, partition int, living map[string]bool) error {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	key := s.key(partition)
	groups, err := s.client.XInfoGroups(ctx, key).Result()
	if err != nil {
		if strings.Contains(err.Error(), "no such key") {
			return nil
		}
		return fmt.Errorf("trim events: %w", err)
	}
	least := ""
	for _, g := range groups {
		if !living[g.Name] {
			if err := s.client.XGroupDestroy(ctx, key, g.Name).Err(); err != nil {
				return fmt.Errorf("trim events: %w", err)
			}
			continue
		}
		done := g.LastDeliveredID
		if g.Pending > 0 {
			pending, err := s.client.XPending(ctx, key, g.Name).Result()
			if err != nil {
				return fmt.Errorf("trim events: %w", err)
			}
			done = pending.Lower
		}
		if least == "" || before(done, least) {
			least = done
		}
	}
	if least == "" || least == "0-0" {
		return nil
	}
	if err := s.client.XTrimMinID(ctx, key, least).Err(); err != nil {
		return fmt.Errorf("trim events: %w", err)
	}
	return nil
}

// before compares ids of entries.
func before(a, b string) bool {
	am, as := splitID(a)
	bm, bs := splitID(b)
	return am < bm || am == bm && as < bs
}

func splitID(id string) (ms, seq uint64) {
	left, right, _ := strings.Cut(id, "-")
	ms, _ = strconv.ParseUint(left, 10, 64) // Redis made it
	seq, _ = strconv.ParseUint(right, 10, 64)
	return ms, seq
}
