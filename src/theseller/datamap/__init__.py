"""The class, owner, retention and erasure of all stored data.

A package registers its tables when its `datamap` module is imported (`registry.register`); the
deployment loads them all once (`registry.load`). Retention erases by this map. `columns` has every
column and index by name, `state_folder` the files, `objects` what else could store something: jobs,
caches, process state, log sinks, keys. A control compares all of it with the running deployment.
"""
