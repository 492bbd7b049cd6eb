-- Counts a request once under every key, or under none if one of them is full.
--
-- A key holds one window, cut into slices: number of the slice -> requests counted in it. The oldest slice counts until all
-- of it is out of the window, so that there are never more than the amount in any window.
--
-- KEYS: of each window its own, and that of the set of processes that count windows of its class.
-- ARGV: slices of a window, how long a process stays in a set in milliseconds, its name; then of each window its amount, its
-- length in milliseconds, whether the process is to be put into the set (0 or 1), and two lists: what Redis had told this
-- process of the window (to be restored where Redis has lost it), and what the process counted alone since. A list is its
-- length, then numbers of slices, each followed by its count.
-- Returns the time, then of each window: 0 counted, 1 full; how many more; milliseconds until some come back; how many
-- processes count windows of its class; a list of all its slices.
local slices, presence = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local argument = 4
local windows, admitted = {}, true

local function following()
  argument = argument + 1
  return tonumber(ARGV[argument - 1])
end

for i = 1, #KEYS, 2 do
  local key, processes = KEYS[i], KEYS[i + 1]
  local amount = following()
  local window = following()
  if following() == 1 then
    redis.call('ZADD', processes, now, ARGV[3])
    redis.call('ZREMRANGEBYSCORE', processes, '-inf', now - presence)
    redis.call('PEXPIRE', processes, presence)
  end
  local length = window / slices
  local present = math.floor(now / length)
  local oldest = present - slices
  local total, counts = 0, {}
  local fields = redis.call('HGETALL', key)
  for f = 1, #fields, 2 do
    local number, count = tonumber(fields[f]), tonumber(fields[f + 1])
    if number == nil or number < oldest then
      redis.call('HDEL', key, fields[f])
    else
      counts[number] = count
      total = total + count
    end
  end

  local function add(number, count)
    if count > 0 and number >= oldest then
      counts[number] = (counts[number] or 0) + count
      total = total + count
      redis.call('HINCRBY', key, string.format('%d', number), count)
      redis.call('PEXPIRE', key, window + length)
    end
  end
  for _ = 1, following() do
    local number = following()
    add(number, following() - (counts[number] or 0))
  end
  for _ = 1, following() do
    local number = following()
    add(number, following())
  end

  local verdict = total >= amount and 1 or 0
  if verdict > 0 then
    admitted = false
  else
    total = total + 1
    counts[present] = (counts[present] or 0) + 1
  end
  -- Until the slice is gone that makes room: for one more when it is full, else for anything.
  local excess = verdict > 0 and total - amount + 1 or 1
  local reset = window
  for number = oldest, present do
    excess = excess - (counts[number] or 0)
    if excess <= 0 then
      reset = (number + slices + 1) * length - now
      break
    end
  end
  local numbers = {verdict, math.max(amount - total, 0), reset, redis.call('ZCARD', processes)}
  windows[i] = {key = key, life = window + length, present = present, counts = counts, numbers = numbers, full = verdict > 0}
end

local answer = {now}
for i = 1, #KEYS, 2 do
  local window = windows[i]
  if admitted then
    redis.call('HINCRBY', window.key, string.format('%d', window.present), 1)
    redis.call('PEXPIRE', window.key, window.life)
  elseif not window.full then
    window.counts[window.present] = window.counts[window.present] - 1
  end
  local length = #window.numbers + 1
  window.numbers[length] = 0
  for number, count in pairs(window.counts) do
    window.numbers[length] = window.numbers[length] + 1
    table.insert(window.numbers, number)
    table.insert(window.numbers, count)
  end
  for _, number in ipairs(window.numbers) do
    table.insert(answer, number)
  end
end
return answer
