"""Aliases of database connections that delete and count; audit actor."""

from __future__ import annotations

#: The connection that deletes. Its role may delete rows of one tenant at a time.
ERASER = "retention"
#: The connection that counts afterwards. Its role reads all tenants and writes nothing.
COUNTER = "probe"
#: Who erasures are recorded as.
ACTOR = "process:retention"
