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

// fenceCheck begins each script: KEYS[2] holds the highest lease number that was
// here, and a lower one is refused. Numbers are compared as decimal text: Lua's
// are exact up to 2^53 only.
const fenceCheck = `
local held = redis.call('GET', KEYS[2])
if held and (#held > #ARGV[1] or (#held == #ARGV[1] and held > ARGV[1])) then return 'fenced' end
redis.call('SET', KEYS[2], ARGV[1])
`

// publishScript appends events to a stream unless a newer relay has the
// partition, the stream ends before the last entry that the relay knows of (it
// was lost, or restored from an older copy), or it is full. KEYS: stream, fence.
// ARGV: lease number, last known id or empty, cap, events.
const publishScript = fenceCheck + `
local function behind(a, b)
  local am, as = string.match(a, '(%d+)-(%d+)')
  local bm, bs = string.match(b, '(%d+)-(%d+)')
  if am ~= bm then return tonumber(am) < tonumber(bm) end
  return tonumber(as) < tonumber(bs)
end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local id = last and last[1] or '0-0'
if ARGV[2] ~= '' and behind(id, ARGV[2]) then return 'lost' end
if #ARGV > 3 and redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 'full' end
for i = 4, #ARGV do id = redis.call('XADD', KEYS[1], '*', 'e', ARGV[i]) end
return id
`

// joinScript makes a group that reads from the stream's beginning, unless it is
// there. KEYS: stream, the group's fence. ARGV: lease number, group.
const joinScript = fenceCheck + `
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[2], '0', 'MKSTREAM')
if type(made) == 'table' and made.err and not string.find(made.err, 'BUSYGROUP') then return made end
return 'joined'
`

// readScript is XREADGROUP by the newest leaseholder alone: entries that another
// one took away would be missing in the order. ARGV: lease number, group, reader,
// count, from where.
const readScript = fenceCheck + `
return redis.call('XREADGROUP', 'GROUP', ARGV[2], ARGV[3], 'COUNT', ARGV[4], 'STREAMS', KEYS[1], ARGV[5])
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
		commands[i] = pipe.Eval(ctx, publishScript, []string{s.key(p.lease.partition), s.fence(p.lease)}, arguments...)
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

// forgetFence lets a leaseholder with any number work.
func (s streams) forgetFence(ctx context.Context, l lease) error {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	if err := s.client.Del(ctx, s.fence(l)).Err(); err != nil {
		return fmt.Errorf("forget a fence: %w", err)
	}
	return nil
}

// fence is the key of the highest lease number for what the lease is for.
func (s streams) fence(l lease) string { return s.key(l.partition) + ":fence:" + l.name }

// entry is one event of a stream, with its id there.
type entry struct {
	id    string
	event Event
	err   error // why the event cannot be read
}

var (
	errNoGroup = errors.New("the stream has no such group")
	errFenced  = errors.New("a newer lease was seen in Redis")
)

// join makes the leaseholder's group, from the stream's beginning, if it is not
// there. Errors: errFenced.
func (s streams) join(ctx context.Context, l lease) error {
	_, err := s.run(ctx, joinScript, l, l.name)
	if err != nil {
		return fmt.Errorf("join group %s: %w", l.name, err)
	}
	return nil
}

// read gives the group's next entries, or, when again, those given before and
// not acknowledged. It does not wait. Errors: errNoGroup when the stream was
// lost, errFenced.
func (s streams) read(ctx context.Context, l lease, limit int, again bool) ([]entry, error) {
	from := ">"
	if again {
		from = "0"
	}
	answer, err := s.run(ctx, readScript, l, l.name, reader, limit, from)
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case err != nil && strings.Contains(err.Error(), "NOGROUP"):
		return nil, errNoGroup
	case err != nil:
		return nil, fmt.Errorf("read group %s: %w", l.name, err)
	}
	return toEntries(answer)
}

// once is a command that the client does not send again by itself: entries whose
// answer was lost are pending, and a second reading would pass them by.
type once struct{ *redis.Cmd }

func (once) NoRetry() bool { return true }

// run runs a script on a lease's stream.
func (s streams) run(ctx context.Context, script string, l lease, arguments ...any) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	all := append([]any{"eval", script, 2, s.key(l.partition), s.fence(l), strconv.FormatInt(l.number, 10)}, arguments...)
	command := once{redis.NewCmd(ctx, all...)}
	if err := s.client.Process(ctx, command); err != nil {
		return nil, err
	}
	if command.Val() == answerFenced {
		return nil, errFenced
	}
	return command.Val(), nil
}

// toEntries reads the answer of XREADGROUP for one stream:
// [[stream, [[id, [field, value]], ...]]].
func toEntries(answer any) ([]entry, error) {
	streams, _ := answer.([]any)
	if len(streams) == 0 {
		return nil, nil
	}
	pair, _ := streams[0].([]any)
	if len(pair) != 2 {
		return nil, fmt.Errorf("read events: an answer of an unknown form: %v", answer)
	}
	messages, _ := pair[1].([]any)
	entries := make([]entry, 0, len(messages))
	for _, m := range messages {
		message, _ := m.([]any)
		if len(message) != 2 {
			return nil, fmt.Errorf("read events: an entry of an unknown form: %v", m)
		}
		e := entry{}
		e.id, _ = message[0].(string)
		fields, _ := message[1].([]any) // none when it was deleted while it was pending
		if len(fields) == 2 && fields[0] == "e" {
			text, _ := fields[1].(string)
			e.err = json.Unmarshal([]byte(text), &e.event)
		} else {
			e.err = errors.New("the entry holds no event")
		}
		entries = append(entries, e)
	}
	return entries, nil
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
// the relay knows the stream. A living group that is not there yet (the stream
// was just made again) needs all of it. Groups that nobody works for any more
// are removed.
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
	there := 0
	least := ""
	for _, g := range groups {
		if !living[g.Name] {
			if err := s.client.XGroupDestroy(ctx, key, g.Name).Err(); err != nil {
				return fmt.Errorf("trim events: %w", err)
			}
			continue
		}
		there++
		done, err := s.doneUpTo(ctx, key, g)
		if err != nil {
			return err
		}
		if least == "" || before(done, least) {
			least = done
		}
	}
	if there < len(living) || least == "" || least == "0-0" {
		return nil
	}
	if err := s.client.XTrimMinID(ctx, key, least).Err(); err != nil {
		return fmt.Errorf("trim events: %w", err)
	}
	return nil
}

// doneUpTo is the first entry that a group may still need: it is kept.
func (s streams) doneUpTo(ctx context.Context, key string, g redis.XInfoGroup) (string, error) {
	if g.Pending == 0 {
		return g.LastDeliveredID, nil
	}
	pending, err := s.client.XPending(ctx, key, g.Name).Result()
	if err != nil {
		return "", fmt.Errorf("trim events: %w", err)
	}
	if pending.Count == 0 { // acknowledged meanwhile
		return g.LastDeliveredID, nil
	}
	return pending.Lower, nil
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
