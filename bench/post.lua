-- A Messages request of about 2 KB, as an SDK sends it; the key comes from the environment.
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["anthropic-version"] = "2023-06-01"
wrk.headers["user-agent"] = "Anthropic/Python 2.12.0"
wrk.headers["accept"] = "application/json"
wrk.headers["x-stainless-lang"] = "python"
wrk.headers["x-stainless-retry-count"] = "0"
wrk.headers["x-api-key"] = os.getenv("BENCH_KEY") or "sk-ant-none"
wrk.body = io.open(os.getenv("BENCH_BODY"), "rb"):read("*a")

-- Made once, so that the load costs little: a thousand users in turn.
local requests = {}
local counter = 0
init = function()
  for user = 1, 1000 do
    wrk.headers["x-tidegate-user"] = "user-" .. user
    requests[user] = wrk.format()
  end
end
request = function()
  counter = counter % 1000 + 1
  return requests[counter]
end

done = function(summary, latency)
  local errors = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format('BENCH {"requests": %d, "seconds": %.3f, "errors": %d, "p50_us": %d, "p99_us": %d}\n',
    summary.requests, summary.duration / 1e6, errors, latency:percentile(50), latency:percentile(99)))
end
