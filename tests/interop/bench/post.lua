-- Posts prepared bodies round and round. Arguments after `--`: the folder, the number of bodies, the content encoding.
local bodies, turn = {}, 0

function init(arguments)
  local folder, count = arguments[1], tonumber(arguments[2])
  for number = 0, count - 1 do
    local file = assert(io.open(folder .. "/" .. number .. ".bin", "rb"))
    bodies[number] = file:read("*a")
    file:close()
  end
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/x-protobuf"
  wrk.headers["Content-Encoding"] = arguments[3]
end

function request()
  local body = bodies[turn]
  turn = (turn + 1) % (#bodies + 1)
  return wrk.format(nil, nil, nil, body)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %.3f, "refused": %d, "broken": %d, "p50_ms": %.3f, "p99_ms": %.3f}\n',
    summary.requests, summary.duration / 1e6, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
