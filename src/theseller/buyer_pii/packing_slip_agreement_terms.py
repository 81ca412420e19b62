"""The terms of packing slips that an owner agrees to, with a version.

New wording gets a new version. A consent keeps the version that it was given for.
"""

from __future__ import annotations

from theseller.lib.policy_time_limits import PII_DAYS_MAX

TERMS_VERSION = "packing-slips-2"
#: (Heading, text).
TERMS: tuple[tuple[str, str], ...] = (
    (
        "Data",
        (
            "The recipient’s name, company, address and phone number, the latest day to ship, and"
            " the gift message if there is one. For one order at a time, when a member of your team"
            " requests its slip; only for orders that you ship yourself."
        ),
    ),
    (
        "Purpose",
        "To print packing slips. It is used in no figure, export or log, and shared with no one.",
    ),
    (
        "Retention",
        (
            f"{PII_DAYS_MAX} days after the shipment at most, or after the fetch if that was"
            " earlier. Then its key is destroyed, and no copy in any backup can be read."
        ),
    ),
    (
        "Access",
        (
            "Owners and analysts of this shop. Each access is logged with person, order and time,"
            " without any buyer data."
        ),
    ),
    (
        "Withdrawal",
        (
            "If you turn it off, disconnect or delete the shop, the keys are destroyed immediately:"
            " the stored data becomes unreadable, also in backups."
        ),
    ),
)
