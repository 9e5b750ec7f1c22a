-- post.lua -- for wrk: every request posts the prompt

wrk.method = "POST"
wrk.body = '{"prompt":"a lighthouse on a cliff above the sea at dawn, long exposure, soft light","seed":7411903}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Key a:b"


function done(summary)
  io.write(("requests=%d errors=%d us=%d\n"):format(summary.requests,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout, summary.duration))
end
