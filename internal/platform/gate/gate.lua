-- One request: the count of a limit by GCRA, and a record beside it.
-- KEYS: the limit's, the record's. ARGV: quota (0: none), window in us, now in us ("": the server's clock),
-- whether a record is asked for.
-- Gives {counted, allowed, remaining, reset us, retry after us, record: 0 missing 1 open 2 shut, value}.
local now = tonumber(ARGV[3])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000000 + t[2]
end
local state, value = 0, ''
if ARGV[4] == '1' then
  local r = redis.call('HMGET', KEYS[2], 'value', 'shut')
  if r[2] then
    state = 2
  elseif r[1] then
    state, value = 1, r[1]
    redis.call('HSET', KEYS[2], 'seen', string.format('%.0f', now))
  end
end
local quota = tonumber(ARGV[1])
if quota == 0 then return {0, 1, 0, 0, 0, state, value} end
local window = tonumber(ARGV[2])
-- The theoretical arrival time; it never lies more than a window ahead, also when the clock went back.
local tat = math.min(tonumber(redis.call('GET', KEYS[1]) or now), now + window)
local after = math.max(tat, now) + window / quota
local early = after - window - now
if early > 0.5 then
  return {1, 0, 0, math.ceil(tat - now), math.ceil(early), state, value}
end
redis.call('SET', KEYS[1], string.format('%.3f', after), 'PX', math.ceil((after - now) / 1000))
local left = math.floor((now + window - after) * quota / window + 0.001)
return {1, 1, left, math.ceil(after - now), 0, state, value}
