package lock

import (
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// What is the same for every call is written into the scripts, which costs less
// than to send it: $TTL, $FENCE and $PLACE in milliseconds, $MOST waiters.
func (l *Locks) script(source string) script {
	c := l.config
	source = strings.NewReplacer(
		"$TTL", strconv.FormatInt(c.TTL.Milliseconds(), 10),
		"$FENCE", strconv.FormatInt(c.FenceTTL.Milliseconds(), 10),
		"$PLACE", strconv.FormatInt(c.Place.Milliseconds(), 10),
		"$MOST", strconv.Itoa(c.MaxWaiters),
	).Replace(source)
	return script{source: source, hash: redis.NewScript(source).Hash()}
}

type script struct{ source, hash any } // text, ready to be sent

// queueScript is the part of the scripts that looks at the queue: it drops the
// places that ran out and gives the first waiter. A place that is kept for longer
// than any may be shows that the server's clock went back; it is cut, or a dead
// waiter would stay for as long as the jump. A waiter whose place is unknown,
// because Redis evicted one key and not the other, is dead.
const queueScript = `
local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function first(queue, alive, now)
  for _, dead in ipairs(redis.call('ZRANGEBYSCORE', alive, '-inf', now)) do
    redis.call('ZREM', queue, dead)
    redis.call('ZREM', alive, dead)
  end
  for _, far in ipairs(redis.call('ZRANGEBYSCORE', alive, '(' .. now + $PLACE, '+inf')) do
    redis.call('ZADD', alive, now + $PLACE, far)
  end
  local head = redis.call('ZRANGE', queue, 0, 0)[1]
  while head and not redis.call('ZSCORE', alive, head) do
    redis.call('ZREM', queue, head)
    head = redis.call('ZRANGE', queue, 0, 0)[1]
  end
  return head
end
`

// Answers of acquireScript that are not a fence.
const (
	answerWait = 0
	answerBusy = -1
)

// acquireScript takes the lock for a token, or keeps a place for it. KEYS: holder,
// fence, queue, alive. ARGV: token, floor, 1 for who waits.
//
// A token that has the lock already gets it again, under a new fence. A lock that
// would last longer than its own TTL, which ends its token, is cut for the same
// reason as a place. The fence becomes text by a format, as Lua's own has 14
// digits. A free lock that nobody waits for takes the short way, which decides
// what a lock costs.
const acquireScript = `
local token = ARGV[1]
if redis.call('EXISTS', KEYS[3]) == 1 or not redis.call('SET', KEYS[1], token, 'NX', 'PX', '$TTL') then
` + queueScript + `
  local now = clock()
  local head, holder = first(KEYS[3], KEYS[4], now), redis.call('GET', KEYS[1])
  if holder and holder ~= token then
    local ttl = tonumber(string.match(holder, '%.(%d+)$'))
    if ttl and redis.call('PTTL', KEYS[1]) > ttl then redis.call('PEXPIRE', KEYS[1], ttl) end
  end
  if holder ~= token and (holder or (head and head ~= token)) then
    if ARGV[3] ~= '1' then return -1 end
    if not redis.call('ZSCORE', KEYS[3], token) then
      if redis.call('ZCARD', KEYS[3]) >= $MOST then return -1 end
      local last = redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')[2]
      redis.call('ZADD', KEYS[3], (last or 0) + 1, token)
    end
    redis.call('ZADD', KEYS[4], now + $PLACE, token)
    redis.call('PEXPIRE', KEYS[3], 2 * $PLACE)
    redis.call('PEXPIRE', KEYS[4], 2 * $PLACE)
    return 0
  end
  redis.call('ZREM', KEYS[3], token)
  redis.call('ZREM', KEYS[4], token)
  redis.call('SET', KEYS[1], token, 'PX', '$TTL')
end
local fence, floor = redis.call('INCR', KEYS[2]), tonumber(ARGV[2])
if fence <= floor then
  fence = floor + 1
  redis.call('SET', KEYS[2], string.format('%.0f', fence))
end
redis.call('PEXPIRE', KEYS[2], '$FENCE')
return fence
`

// renewScript answers 1, or 0 to a token that has the lock no more. KEYS: holder.
// ARGV: token.
const renewScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], '$TTL')
`

// releaseScript gives back the lock of a token, or its place, and calls the first
// waiter if the lock is free. It answers 1, or 0 to a token that did not have the
// lock. KEYS: holder, queue, alive. ARGV: token.
const releaseScript = `
local token, answer = ARGV[1], 0
local holder = redis.call('GET', KEYS[1])
if holder == token then
  holder, answer = false, redis.call('DEL', KEYS[1])
end
if redis.call('EXISTS', KEYS[2]) == 0 then return answer end
` + queueScript + `
redis.call('ZREM', KEYS[2], token)
redis.call('ZREM', KEYS[3], token)
local head = first(KEYS[2], KEYS[3], clock())
if head and not holder then
  redis.call('PUBLISH', string.match(KEYS[1], '^(.*):{') .. ':wake:' .. string.match(head, '^[^.]*'), head)
end
return answer
`
