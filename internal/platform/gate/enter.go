package gate

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// enterScript takes a token (none when the quota is 0) and looks up a record
// (none when there is no second key), in one step, so that of two takers of the
// last token one gets it.
//
// KEYS: the limit, the record. ARGV: the time in microseconds or empty, quota,
// window in microseconds, interval in whole microseconds, its rest in 1/quota.
// It answers: allowed, backlog, its part in 1/quota; state, value, seen.
//
// The limit's key holds its TAT, the theoretical arrival time of GCRA, as
// "<microseconds> <part>/<quota>". Whole and part are kept apart because the
// interval of most limits is no whole number, and a number of Lua, good to 2^53,
// has no room for a fraction beside the microseconds since 1970; numbers become
// text by a format, as Lua's own has 14 digits. The part of another quota is
// dropped: less than a microsecond. A TAT further away than a window is a clock
// that went back or a window that was shortened; it is cut even for a request
// that is refused, or it would be as far away for the next. The key lives a
// millisecond or two longer than it must: Redis counts in whole ones, from the
// last.
const enterScript = nowScript + `
local quota, window = tonumber(ARGV[2]), tonumber(ARGV[3])
local allowed, backlog, part = 1, 0, 0
if quota > 0 then
  local whole, rest, of = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (%d+)/(%d+)$')
  if whole and #whole <= 16 then
    backlog = tonumber(whole) - now
    if tonumber(of) == quota then part = tonumber(rest) end
  end
  if backlog < 0 then backlog, part = 0, 0 end
  local cut = backlog > window or (backlog == window and part > 0)
  if cut then backlog, part = window, 0 end
  local after, afterPart = backlog + tonumber(ARGV[4]), part + tonumber(ARGV[5])
  if afterPart >= quota then after, afterPart = after + 1, afterPart - quota end
  if after < window or (after == window and afterPart == 0) then
    backlog, part = after, afterPart
  else
    allowed = 0
  end
  if allowed == 1 or cut then
    redis.call('SET', KEYS[1], string.format('%.0f %.0f/%.0f', now + backlog, part, quota),
      'PX', string.format('%.0f', math.floor(backlog / 1000) + 2))
  end
end
local state, value, seen = '', '', ''
if KEYS[2] then
  local held = redis.call('HMGET', KEYS[2], 'state', 'value', 'seen')
  state, value, seen = held[1] or '', held[2] or '', held[3] or ''
  if state == 'open' then redis.call('HSET', KEYS[2], 'seen', string.format('%.0f', now)) end
end
return {allowed, backlog, part, state, value, seen}
`

// Take takes one token of a subject's limit. It never fails: when Redis is away
// the request passes and is counted in Unlimited; when ctx has ended it passes
// without a word, since nobody waits for it.
func (g *Gate) Take(ctx context.Context, subject string, limit Limit) Pass {
	if limit.off() {
		return uncounted(limit)
	}
	pass, _, _ := g.decide(ctx, "take a token", limit, limitKey(subject, limit.Name)) // in the Pass
	return pass
}

// Enter takes one token of a subject's limit and gives one of its records, in
// one round trip. An open record has this time noted as its SeenAt, be the
// request within the limit or not. The error wraps ErrUnavailable, or is ctx's
// own; the Pass then allows, and of the record nothing is known.
func (g *Gate) Enter(ctx context.Context, subject string, limit Limit, record string) (Pass, Record, error) {
	return g.decide(ctx, "enter", limit, limitKey(subject, limit.Name), recordKey(subject, record))
}

func (g *Gate) decide(ctx context.Context, operation string, limit Limit, keys ...string) (pass Pass, record Record, err error) {
	err = g.call(ctx, operation, func(ctx context.Context) error {
		answer, err := g.runOnce(ctx, keys, g.enterArgs(limit))
		if err == nil {
			pass, record, err = readEntered(limit, answer)
		}
		return err
	})
	switch {
	case err == nil && pass.Counted && pass.Allowed:
		g.metrics.count(g.metrics.allowed, limit)
	case err == nil && pass.Counted:
		g.metrics.count(g.metrics.refused, limit)
	}
	if err == nil {
		return pass, record, nil
	}
	if !limit.off() && !isCallerLeft(err) {
		g.unlimited.Add(1)
		g.metrics.count(g.metrics.uncounted, limit)
	}
	return uncounted(limit), Record{}, err
}

func (g *Gate) enterArgs(limit Limit) []any {
	if limit.off() {
		return []any{g.clock(), 0, 0, 0, 0}
	}
	whole, rest := limit.interval()
	return []any{g.clock(), limit.Quota, limit.Window.Microseconds(), whole, rest}
}

// runOnce is redis.Script's Run with commands that are not sent again.
func (g *Gate) runOnce(ctx context.Context, keys []string, args []any) (any, error) {
	answer, err := g.process(ctx, "evalsha", g.enter.Hash(), keys, args)
	if redis.HasErrorPrefix(err, "NOSCRIPT") { // so it did not run
		answer, err = g.process(ctx, "eval", enterScript, keys, args)
	}
	return answer, err
}

// once is a command that the client does not send again by itself: a take whose
// answer was lost would take a second token.
type once struct{ *redis.Cmd }

func (once) NoRetry() bool { return true }

func (g *Gate) process(ctx context.Context, name, script string, keys []string, args []any) (any, error) {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, name, script, len(keys))
	for _, key := range keys {
		all = append(all, key)
	}
	command := once{redis.NewCmd(ctx, append(all, args...)...)}
	command.SetFirstKeyPos(3)
	if err := g.client.Process(ctx, command); err != nil {
		return nil, err
	}
	return command.Val(), nil
}

func readEntered(limit Limit, answer any) (Pass, Record, error) {
	fields, ok := answer.([]any)
	if !ok || len(fields) != 6 {
		return Pass{}, Record{}, unreadable(answer)
	}
	allowed, ok1 := fields[0].(int64)
	backlog, ok2 := fields[1].(int64)
	part, ok3 := fields[2].(int64)
	state, ok4 := fields[3].(string)
	value, ok5 := fields[4].(string)
	seen, ok6 := fields[5].(string)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 {
		return Pass{}, Record{}, unreadable(answer)
	}
	pass := uncounted(limit)
	if !limit.off() {
		pass = counted(limit, allowed == 1, backlog, part)
	}
	return pass, readRecord(state, value, seen), nil
}

func readRecord(state, value, seen string) Record {
	switch state {
	case "open":
		return Record{State: Open, Value: []byte(value), SeenAt: readTime(seen)}
	case "shut":
		return Record{State: Shut}
	default:
		return Record{}
	}
}

// readTime gives the zero time for anything but microseconds.
func readTime(text string) time.Time {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMicro(n)
}
