"""What gunicorn is told in its own terms: its first process reads no settings of ours, and holds secrets where variables carry them."""

from __future__ import annotations

from theseller.lib.memory import forbid_memory_images


def on_starting(_arbiter: object) -> None:
    """Keep the first process's memory off the disk. Its workers do the same when they read the settings."""
    forbid_memory_images()
