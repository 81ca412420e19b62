"""Pull data from Amazon: streams, planner, runner, leases and the rate limiter."""
