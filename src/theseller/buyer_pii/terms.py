"""The terms that an owner agrees to, with their version.

New wording gets a new version. A consent keeps the version that it was given for.
"""

from __future__ import annotations

from theseller.lib.limits import PII_DAYS_MAX

TERMS_VERSION = "packing-slips-1"
#: (What, in words).
TERMS: tuple[tuple[str, str], ...] = (
    (
        "Exactly this data",
        (
            "The recipient’s name, company, address and phone number, the latest day to ship, and the gift message if there is one. For one"
            " order at a time, when somebody of your team asks for its slip; only of orders that you ship yourself."
        ),
    ),
    ("For this only", "To print packing slips. It enters no figure, no export, no log, and nobody else gets it."),
    (
        "For this long",
        (
            f"{PII_DAYS_MAX} days after the shipment at most, or after it was fetched if that was earlier. Then its key is destroyed, and no"
            " copy in any backup can be read."
        ),
    ),
    (
        "Seen by",
        "Owners and analysts of this shop. Each look is written down with person, order and time, without anything of the buyer.",
    ),
    (
        "Until you say no",
        (
            "Turn it off, disconnect or delete the shop, and the keys are destroyed in that moment: what was fetched is gone at once, from"
            " backups too."
        ),
    ),
)
