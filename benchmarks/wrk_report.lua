-- Prints what wrk measured as one line of JSON, after its own report. Times are in microseconds.
function done(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format(
      '{"requests": %d, "duration": %d, "p50": %d, "p95": %d, "refused": %d, "broken": %d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(95),
      errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
