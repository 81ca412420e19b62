"""The prober: measures a deployment's public address from another machine.

It needs no settings, database or Django of a deployment, only its address and the prober's key.
"""
