"""Errors of building an image."""

from __future__ import annotations


class ImageError(Exception):
    """No image can be made; the text says why, and what to do."""
