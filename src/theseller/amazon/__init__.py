"""Client of Login with Amazon and the Selling Partner API.

A thin HTTP client, allow-list decoders and throttle arithmetic, without ORM or framework.
"""

from __future__ import annotations

import logging

# At DEBUG both libraries print headers, and the access token is a header; at INFO the client prints
# URLs, and a document's URL is a credential.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)
