-- Sends the request that the environment describes and prints what was measured as one line:
-- MEASURED requests/s p50 p99 (ms) failures. Each "[0-9]" in the path stands for a random digit.
wrk.method = os.getenv("BENCH_METHOD") or "GET"
local body = os.getenv("BENCH_BODY")
if body ~= "" then wrk.body = body end
for line in (os.getenv("BENCH_HEADERS") or ""):gmatch("[^\n]+") do
  local name, value = line:match("^([^:]+):%s*(.*)$")
  wrk.headers[name] = value
end

local path = os.getenv("BENCH_PATH")
if path:find("[0-9]", 1, true) then
  local requests = {}
  function init()
    math.randomseed(os.time())
    for n = 1, 500 do
      local chosen = path:gsub("%[0%-9%]", function() return tostring(math.random(0, 9)) end)
      requests[n] = wrk.format(nil, chosen)
    end
  end
  local next = 0
  function request()
    next = next % #requests + 1
    return requests[next]
  end
end

function done(summary, latency, _)
  local failed = summary.errors
  print(string.format("MEASURED %.1f %.3f %.3f %d", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    failed.connect + failed.read + failed.write + failed.status + failed.timeout))
end
