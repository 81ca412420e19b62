"""Data from SP-API: streams, planner, runner, leases, rate limiter."""
