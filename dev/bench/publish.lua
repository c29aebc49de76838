-- Publishes for `make bench`: wrk -s publish.lua … -- ORDER. The order is a Lua file that returns
-- a table (dev/bench/wrk.py writes it). Ends itself after the last answer.

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long s; long ns; } bench_time;
  int clock_gettime(int clock, bench_time *time);
  int kill(int pid, int signal);
  int getpid(void);
]]
local CLOCK_MONOTONIC, SIGINT = 1, 2
local HOUR = 3600 * 1000
local order, requests, head, channels
local instant = ffi.new("bench_time")
local thread_made
local verified = false
local claimed, sent, answered = 0, 0, 0
accepted, refused, began, ended = 0, 0, 0, 0

local function now()
  ffi.C.clock_gettime(CLOCK_MONOTONIC, instant)
  return tonumber(instant.s) * 1e9 + tonumber(instant.ns)
end

function setup(thread)
  thread_made = thread
end

function init(args)
  order = dofile(args[1])
  requests = order.events / order.batch
  channels = order.channels
  head = "POST " .. order.path .. " HTTP/1.1\r\nhost: " .. wrk.host .. "\r\nauthorization: Bearer "
    .. order.api_key .. "\r\ncontent-type: application/json\r\n"
end

local function message(number)
  local start = '{"n":' .. number .. ',"text":"'
  return '{"eventType":"' .. order.event_type .. '","channels":["c' .. number % channels
    .. '"],"payload":' .. start .. order.text:sub(1, math.max(0, order.payload - #start - 2)) .. '"}}'
end

local function body(number)
  if order.batch == 1 then return message(number) end
  local messages = {}
  for index = 1, order.batch do messages[index] = message(number + index - 1) end
  return '{"messages":[' .. table.concat(messages, ",") .. "]}"
end

-- Asked before each request: those beyond the order wait for ever.
function delay()
  if claimed >= requests then return HOUR end
  claimed = claimed + 1
  return 0
end

function request()
  local number = order.first + sent * order.batch
  if not verified then
    verified = true -- wrk looks at one request without sending it.
  else
    if sent == 0 then began = now() end
    sent = sent + 1
  end
  local text = body(number)
  local key = order.keys and "idempotency-key: bench-" .. number .. "\r\n" or ""
  return head .. key .. "content-length: " .. #text .. "\r\n\r\n" .. text
end

function response(status, _, text)
  local good = 0
  if status == 202 or status == 200 then
    good = order.batch == 1 and 1 or select(2, text:gsub('"message":', ""))
  end
  accepted = accepted + good
  refused = refused + order.batch - good
  answered = answered + 1
  if answered == requests then
    ended = now()
    ffi.C.kill(ffi.C.getpid(), SIGINT)
  end
end

function done(_, latency, _)
  local function number(name) return string.format("%.0f", thread_made:get(name) or 0) end
  io.write("\nRESULT {")
  for _, name in ipairs({ "accepted", "refused", "began", "ended" }) do
    io.write('"', name, '": ', number(name), ", ")
  end
  for _, share in ipairs({ 50, 95, 99 }) do
    io.write('"p', share, '": ', latency:percentile(share) / 1000, ", ")
  end
  io.write('"cpu_seconds": ', os.clock(), "}\n")
end
