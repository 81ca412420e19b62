"""What each table of the deployment holds, whose it is, how long it stays and how it goes.

A slice registers its tables when its `datamap` module is imported (`registry.register`); the deployment loads them all once
(`registry.load`). Retention erases by this map, and a comparison with the live catalogue finds what nobody has registered.
"""
