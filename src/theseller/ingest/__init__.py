"""Facts from Amazon: streams, planner, minimization, storage, file import."""
