"""The content security policy: no inline code, no other host."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from csp.constants import NONE, SELF


def content_security_policy(*, form_action: Iterable[str] = ()) -> dict[str, Any]:
    """Return the value of ``CONTENT_SECURITY_POLICY``.

    `form_action` lists the origins that a form may end up at: Seller Central's, because the button
    "Continue to Amazon" is a POST that answers with a redirect there, and browsers apply the
    directive to the whole chain.
    """
    return {
        "DIRECTIVES": {
            "default-src": [NONE],
            "script-src": [SELF],
            "style-src": [SELF],
            "img-src": [SELF],
            "font-src": [SELF],
            "connect-src": [SELF],
            "form-action": [SELF, *form_action],
            "frame-ancestors": [NONE],
            "base-uri": [NONE],
        },
    }
