-- Counts a request once under every key, or under none if one of them is full.
--
-- A key holds one window, cut into slices: number of the slice -> requests counted in it, and 'o' .. number -> attempts
-- taken in it whose outcome is open. The oldest slice counts until all of it is out of the window, so that there are
-- never more than the amount in any window.
--
-- ARGV: slices of a window, 'o' or '' for attempts or requests, then of each key its amount and its window in milliseconds.
-- Answers of each key: 0 counted, 1 full, 2 full only because of open attempts; how many more; milliseconds until some
-- come back; number of the present slice.
local slices, kind = tonumber(ARGV[1]), ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer, admitted = {}, true

for i, key in ipairs(KEYS) do
  local amount, window = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
  local length = window / slices
  local present = math.floor(now / length)
  local oldest = present - slices
  local settled, open, counts = 0, 0, {}
  local fields = redis.call('HGETALL', key)
  for f = 1, #fields, 2 do
    local name, count = fields[f], tonumber(fields[f + 1])
    local is_open = string.sub(name, 1, 1) == 'o'
    local number = tonumber(is_open and string.sub(name, 2) or name)
    if number < oldest then
      redis.call('HDEL', key, name)
    else
      counts[number] = (counts[number] or 0) + count
      if is_open then open = open + count else settled = settled + count end
    end
  end
  local total = settled + open
  local verdict = 0
  if settled >= amount then verdict = 1 elseif total >= amount then verdict = 2 end
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
  local base = 4 * (i - 1)
  answer[base + 1], answer[base + 2] = verdict, math.max(amount - total, 0)
  answer[base + 3], answer[base + 4] = reset, present
end

if admitted then
  for i, key in ipairs(KEYS) do
    local window = tonumber(ARGV[2 * i + 2])
    redis.call('HINCRBY', key, kind .. string.format('%d', answer[4 * i]), 1)
    redis.call('PEXPIRE', key, window + window / slices)
  end
end
return answer
