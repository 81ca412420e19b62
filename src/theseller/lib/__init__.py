"""Clock, IDs, money, marketplaces, logging and other basics.

None of it imports Django.
"""
