-- Counts a request once under every key, or under none if one of them is full.
--
-- A key holds one window, cut into slices: number of the slice -> requests counted in it. The oldest slice counts until all
-- of it is out of the window, so that there are never more than the amount in any window.
--
-- ARGV: slices of a window, then of each key its amount and its window in milliseconds.
-- Answers of each key: 0 counted, 1 full; how many more; milliseconds until some come back.
local slices = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer, numbers, admitted = {}, {}, true

for i, key in ipairs(KEYS) do
  local amount, window = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
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
  local base = 3 * (i - 1)
  numbers[i] = present
  answer[base + 1], answer[base + 2], answer[base + 3] = verdict, math.max(amount - total, 0), reset
end

if admitted then
  for i, key in ipairs(KEYS) do
    local window = tonumber(ARGV[2 * i + 1])
    redis.call('HINCRBY', key, string.format('%d', numbers[i]), 1)
    redis.call('PEXPIRE', key, window + window / slices)
  end
end
return answer
