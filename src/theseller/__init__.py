"""TheSeller: self-hosted analytics for Amazon sellers, with a security page that proves itself."""

__version__ = "0.1.0"
