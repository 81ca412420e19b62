"""What gunicorn is told in its own terms: its first process reads no settings of ours, and holds secrets where variables carry them."""

from __future__ import annotations

from theseller.lib.memory import forbid_memory_images

# Forwarded headers are read by `edge.proxies`, from the proxies that THESELLER_TRUSTED_PROXIES names. gunicorn would accept them from
# this machine and from any Unix socket, and answer 500 to a SCRIPT_NAME that does not fit.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}


def on_starting(_arbiter: object) -> None:
    """Keep the first process's memory off the disk. Its workers do the same when they read the settings."""
    forbid_memory_images()
