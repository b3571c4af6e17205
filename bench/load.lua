-- The load of every case: wrk asks `request` for each request, so the cost on the load's core is the same
-- whether one tenant is named or ten thousand. Arguments: method, path, tenants, body bytes.
local requests, next = {}, 0

function init(args)
  local method, path, tenants, bytes = args[1], args[2], tonumber(args[3]), tonumber(args[4])
  local body = bytes > 0 and string.rep("x", bytes) or nil
  for i = 1, tenants do
    local headers = { ["Host"] = "127.0.0.1", ["X-Tenant"] = string.format("acme-%06d", i) }
    requests[i] = wrk.format(method, path, headers, body)
  end
end

function request()
  next = next % #requests + 1
  return requests[next]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("result requests=%d errors=%d microseconds=%d p50=%d p99=%d\n",
    summary.requests, e.connect + e.read + e.write + e.status + e.timeout, summary.duration,
    latency:percentile(50), latency:percentile(99)))
end
