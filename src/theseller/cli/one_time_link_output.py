"""Print a one-time link, which is shown only once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theseller.accounts.one_time_link_tokens import IssuedLink


def print_link(link: IssuedLink, what: str, document: dict[str, str] | None) -> None:
    """Print the address of `link` with what it is for.

    Args:
        link: the link that was issued now.
        what: the sentence before it.
        document: the other entries of the JSON document; None prints text.
    """
    if document is not None:
        whole = {
            **document,
            "link": link.address.reveal(),
            "expires_at": link.expires_at.isoformat(),
        }
        print(json.dumps(whole, indent=1))
        return
    print(f"{what}:")
    print(f"  {link.address.reveal()}")
    print(
        f"It can be used once, until {link.expires_at:%Y-%m-%d %H:%M} UTC, and is not shown again."
        " Hand it to this person only."
    )
