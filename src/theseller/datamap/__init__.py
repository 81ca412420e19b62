"""The class, owner, retention and erasure of all stored data.

A package registers its tables when its `datamap` module is imported (`table_registry.register`);
the deployment loads them all once (`table_registry.load`). Retention erases by this map.
`declared_columns_and_indexes` has every column and index by name, `state_folder_and_guard_tables`
the files, `non_table_objects` what else could store something: jobs, caches, process state, log
sinks, keys. A control compares all of it with the running deployment.
"""
