-- Sends the request that the environment describes and prints what was measured as one line:
-- MEASURED requests/s p50 p99 (ms) failures. Each "[0-9]" in the path and the body stands for a random digit, "[key]" in a
-- header for a value that no other request has, "[token]" for one of BENCH_TOKENS, and each "[uuid]" in the body for a UUID that was
-- never sent before. With BENCH_REPEAT the body is an array of so many.
wrk.method = os.getenv("BENCH_METHOD") or "GET"
for line in (os.getenv("BENCH_HEADERS") or ""):gmatch("[^\n]+") do
  local name, value = line:match("^([^:]+):%s*(.*)$")
  wrk.headers[name] = value
end

local path, body = os.getenv("BENCH_PATH"), os.getenv("BENCH_BODY") or ""
local times = tonumber(os.getenv("BENCH_REPEAT") or 1)
if body ~= "" then wrk.body = body end
-- As long as what comes in its place.
local UNIQUE = "<000unique0>"

local function fill(text)
  text = text:gsub("%[0%-9%]", function() return tostring(math.random(0, 9)) end)
  return (text:gsub("%[uuid%]", function()
    local random = math.random
    return string.format("%04x%04x-%04x-4%03x-%04x-", random(0, 65535), random(0, 65535), random(0, 65535),
      random(0, 4095), random(32768, 49151)) .. UNIQUE
  end))
end

local function filled_body()
  if not wrk.body or times == 1 then return wrk.body and fill(body) end
  local rows = {}
  for n = 1, times do rows[n] = fill(body) end
  return "[" .. table.concat(rows, ",") .. "]"
end

local function split(text, at)
  local parts, from = {}, 1
  while true do
    local first, last = text:find(at, from, true)
    parts[#parts + 1] = text:sub(from, (first or 0) - 1)
    if not first then return parts end
    from = last + 1
  end
end

local tokens = {}
for token in (os.getenv("BENCH_TOKENS") or ""):gmatch("[^\n]+") do tokens[#tokens + 1] = token end

-- Made beforehand, so that making them is not what is measured; each as its parts between what is different in each request.
local requests, sent = {}, 0
local run = os.time() % 2 ^ 24
function init()
  math.randomseed(os.time())
  for n = 1, math.max(20, 500 / times) do
    local text = wrk.format(nil, fill(path), nil, filled_body()):gsub("%[key%]", UNIQUE)
    text = text:gsub("%[token%]", tokens[n % math.max(1, #tokens) + 1] or "")
    requests[n] = split(text, UNIQUE)
  end
end

local function next()
  sent = sent + 1
  return table.concat(requests[sent % #requests + 1], string.format("%06x%06x", run, sent))
end
-- Without it wrk sends one request again and again, and asks nobody.
if (path .. body .. (os.getenv("BENCH_HEADERS") or "")):find("%[.*%]") then request = next end

function done(summary, latency, _)
  local failed = summary.errors
  print(string.format("MEASURED %.1f %.3f %.3f %d", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    failed.connect + failed.read + failed.write + failed.status + failed.timeout))
end
