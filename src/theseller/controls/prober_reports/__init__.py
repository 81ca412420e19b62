"""Reports of probers on other machines.

They test the public address. An operator registers a prober by its public key. Controls read
verified reports only.
"""
