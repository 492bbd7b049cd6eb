-- Sends the request that the environment describes and prints what was measured as one line:
-- MEASURED requests/s p50 p99 (ms) failures. Each "[0-9]" in the path and the body stands for a random digit, "[key]" in a
-- header for a value that no other request has.
wrk.method = os.getenv("BENCH_METHOD") or "GET"
for line in (os.getenv("BENCH_HEADERS") or ""):gmatch("[^\n]+") do
  local name, value = line:match("^([^:]+):%s*(.*)$")
  wrk.headers[name] = value
end

local path, body = os.getenv("BENCH_PATH"), os.getenv("BENCH_BODY") or ""
if body ~= "" then wrk.body = body end
local function digits(text)
  return (text:gsub("%[0%-9%]", function() return tostring(math.random(0, 9)) end))
end

-- Made beforehand, so that making them is not what is measured; each as what comes before the key, and after it.
local before, after = {}, {}
local sent, run = 0, os.time()
function init()
  math.randomseed(run)
  for n = 1, 500 do
    local text = wrk.format(nil, digits(path), nil, wrk.body and digits(wrk.body))
    local from, to = text:find("[key]", 1, true)
    if from then
      before[n], after[n] = text:sub(1, from - 1) .. run .. "-", text:sub(to + 1)
    else
      before[n] = text
    end
  end
end

local function next()
  sent = sent + 1
  local n = sent % #before + 1
  return after[n] and before[n] .. sent .. after[n] or before[n]
end
-- Without it wrk sends one request again and again, and asks nobody.
if (path .. body .. (os.getenv("BENCH_HEADERS") or "")):find("%[.*%]") then request = next end

function done(summary, latency, _)
  local failed = summary.errors
  print(string.format("MEASURED %.1f %.3f %.3f %d", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    failed.connect + failed.read + failed.write + failed.status + failed.timeout))
end
