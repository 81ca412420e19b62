"""What each table of the deployment holds, whose it is, how long it stays and how it goes.

A slice registers its tables when its `datamap` module is imported (`registry.register`); the
deployment loads them all once (`registry.load`). Retention erases by this map. `columns` has every
column and index by name, `places` the files, `objects` what else could hold something: jobs,
caches, memories, sinks of the log, keys. A control compares all of it with the running deployment.
"""
