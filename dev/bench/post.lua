-- The http yardstick: POSTs 400 bytes.
wrk.method = "POST"
wrk.body = ("x"):rep(400)
