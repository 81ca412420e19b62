"""TheSeller: self-hosted analytics for Amazon sellers.

Its security page shows for each control what a program found on the running service.
"""

__version__ = "0.1.0"
