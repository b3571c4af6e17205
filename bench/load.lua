-- The load of every case: wrk asks `request` for each request, so the cost on the load's core is the same
-- whether one tenant is named or ten thousand. A million requests are not kept: each is put together from two halves,
-- one of a thousand beginnings and one of a thousand ends.
-- Arguments: method, path, tenants (up to 10000, or 1000000), body bytes, number of the first tenant in the rotation.
local requests, next, ends = {}, 0, {}

function init(args)
  local method, path, tenants, bytes = args[1], args[2], tonumber(args[3]), tonumber(args[4])
  local body = bytes > 0 and string.rep("x", bytes) or nil
  next = tonumber(args[5])
  if tenants == 1000000 then
    for i = 0, 999 do
      requests[i] = string.format("%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Tenant: acme-%03d", method, path, i)
      ends[i] = string.format("%03d\r\n\r\n", i)
    end
    request = function()
      next = (next + 1) % 1000000
      local low = next % 1000
      return requests[(next - low) / 1000] .. ends[low]
    end
    return
  end
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
