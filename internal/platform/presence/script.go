package presence

import (
	"crypto/sha1" // it is how Redis names scripts
	"encoding/hex"
)

// lua is a script and the name that Redis gives it.
type lua struct{ source, hash string }

func newLua(source string) lua {
	sum := sha1.Sum([]byte(source))
	return lua{source, hex.EncodeToString(sum[:])}
}

// beatScript renews the lease of a node, or gives it the next incarnation where
// there is none to renew, and answers whether there was one and who lives.
// KEYS: nodes. ARGV: the holder, the next one, lease in microseconds, TTL of the
// key, "1" to renounce the first.
//
// Every beat removes those whose lease is over. A lease that is over and still there
// thus says that no other node has beaten either: all get a new one. Numbers are
// formatted, as Lua's own text of them has 14 digits.
var beatScript = newLua(`
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local lease = string.format('%.0f', now + tonumber(ARGV[3]))
if ARGV[5] == '1' then redis.call('ZREM', KEYS[1], ARGV[1]) end
local own = redis.call('ZSCORE', KEYS[1], ARGV[1])
if own and tonumber(own) <= now then
  for _, holder in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZADD', KEYS[1], lease, holder) end
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
redis.call('ZADD', KEYS[1], lease, own and ARGV[1] or ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {own and 1 or 0, redis.call('ZRANGE', KEYS[1], 0, -1)}
`)

// joinScript writes an entry and answers whether it did, since when, and all
// entries. KEYS: group. ARGV: member, holder, value, most members or 0, TTL, since or
// empty for now. Run twice it does the same.
var joinScript = newLua(`
local held = redis.call('HGET', KEYS[1], ARGV[1])
local since = ARGV[6]
if held and since == '' then
  local at, by = string.match(held, '^(%d+) (%S+) ')
  if by == ARGV[2] then since = at end
end
local most = tonumber(ARGV[4])
if not held and most > 0 and redis.call('HLEN', KEYS[1]) >= most then
  return {0, '', redis.call('HGETALL', KEYS[1])}
end
if since == '' then
  local t = redis.call('TIME')
  since = t[1] .. string.format('%06d', tonumber(t[2]))
end
redis.call('HSET', KEYS[1], ARGV[1], since .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return {1, since, redis.call('HGETALL', KEYS[1])}
`)

// leaveScript takes an entry away and answers what it was, empty when somebody else
// did or has it. KEYS: group. ARGV: member, the node that must hold it or empty for
// any, "1" to have what is left, since when it must be held or empty.
var leaveScript = newLua(`
local held = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local since, node = string.match(held, '^(%d+) (%w+)%.')
if since and (ARGV[2] == '' or node == ARGV[2]) and (ARGV[4] == '' or since == ARGV[4]) then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  held = ''
end
if ARGV[3] == '1' then return {held, redis.call('HGETALL', KEYS[1])} end
return {held, {}}
`)

// updateScript gives an entry another value, unless it is gone. KEYS: group. ARGV:
// member, holder, value.
var updateScript = newLua(`
local at, by = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '^(%d+) (%S+) ')
if by == ARGV[2] then redis.call('HSET', KEYS[1], ARGV[1], at .. ' ' .. by .. ' ' .. ARGV[3]) end
return 1
`)

// sweepScript takes the entries of dead holders away and answers them. KEYS: group.
// ARGV: the holders.
var sweepScript = newLua(`
local dead, gone = {}, {}
for _, holder in ipairs(ARGV) do dead[holder] = true end
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local by = string.match(all[i + 1], '^%d+ (%S+) ')
  if by and dead[by] then
    redis.call('HDEL', KEYS[1], all[i])
    gone[#gone + 1] = all[i]
    gone[#gone + 1] = all[i + 1]
  end
end
return gone
`)

func (p *Presence) nodesKey() string               { return p.config.Prefix + ":nodes" }
func (p *Presence) groupKey(group string) string   { return p.config.Prefix + ":group:" + group }
func (p *Presence) listedKey(holder string) string { return p.config.Prefix + ":listed:" + holder }

// listing is the form of a listed member. An id is before all listings of it, and
// after those of smaller ids, which is what pages are cut by.
func listing(group, member string) string { return member + "\x00" + group }
