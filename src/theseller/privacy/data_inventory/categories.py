"""Categories of the data stored about a shop.

Each tenant table belongs to exactly one.
"""

from __future__ import annotations

from theseller.privacy.data_inventory.types import DataCategory, RetentionRule, Section

CATEGORIES: tuple[DataCategory, ...] = (
    DataCategory(
        "orders",
        Section.AMAZON,
        "Orders",
        "Lines of orders: number, day, status, product, quantity, prices and discounts. No buyer,"
        " no recipient, no address.",
        RetentionRule.AGE,
        ("life-purge-30", "pii-strip"),
        features=("sales",),
    ),
    DataCategory(
        "money",
        Section.AMAZON,
        "Fees, refunds and payouts",
        "Money lines as Amazon posted them, with order number and SKU. No bank or card data.",
        RetentionRule.AGE,
        ("life-purge-30", "pii-strip"),
        features=("finances",),
    ),
    DataCategory(
        "products",
        Section.AMAZON,
        "Products",
        "SKU, ASIN and title of what you sell, as last seen.",
        RetentionRule.CONNECTION,
        ("life-purge-30",),
        features=("sales", "finances", "stock"),
    ),
    DataCategory(
        "stock",
        Section.AMAZON,
        "Stock at Amazon",
        "Units per product, as they are now; each reading replaces the one before.",
        RetentionRule.CONNECTION,
        ("life-purge-30",),
        features=("stock",),
    ),
    DataCategory(
        "traffic",
        Section.AMAZON,
        "Sessions and page views",
        "How often your pages were seen, per day and product, from reports that you imported.",
        RetentionRule.AGE,
        ("life-purge-30",),
        features=("sales",),
    ),
    DataCategory(
        "totals",
        Section.AMAZON,
        "Totals",
        "Sums per day and per product, made from the lines above so that pages open quickly.",
        RetentionRule.AGE,
        ("life-purge-30",),
        features=("sales", "finances"),
    ),
    DataCategory(
        "documents",
        Section.AMAZON,
        "Reports and files read",
        "Which report or file became lines: its type, period, fingerprint and counts. The file"
        " itself is not kept.",
        RetentionRule.AGE,
        ("life-purge-30",),
        why="So that no file is counted twice",
    ),
    DataCategory(
        "token",
        Section.ACCESS,
        "Refresh token",
        "Amazon's token that lets this service read for you, encrypted under a key of its own.",
        RetentionRule.AUTHORISATION,
        ("cred-token-encryption", "life-token-now"),
        why="Nothing can be read from Amazon without it",
    ),
    DataCategory(
        "progress",
        Section.ACCESS,
        "Sync state",
        "Cursors, the state of Amazon's rate limits, names of fields that this version does not"
        " know, days to be summed again.",
        RetentionRule.CONNECTION,
        ("life-purge-30",),
        why="So that a restart goes on where it was",
    ),
    DataCategory(
        "recipients",
        Section.ACCESS,
        "Recipients of parcels",
        "Name, address and gift message for packing slips, sealed. None unless you turn that on;"
        " never exported.",
        RetentionRule.BUYER,
        ("pii-30-days", "pii-default-none"),
        why="To print packing slips, which you turned on",
    ),
    DataCategory(
        "features",
        Section.ACCESS,
        "Consents and keys",
        "Which features that need buyers' data you turned on (none by default), and which keys"
        " are destroyed with the connection. No buyer in it.",
        RetentionRule.CONNECTION,
        ("pii-default-none",),
        why="So that nothing of a buyer is fetched that you did not request",
    ),
    DataCategory(
        "connections",
        Section.ACCESS,
        "Connections",
        "That you connected, when, with which permissions, and when it ended; hashed sign-in"
        " states.",
        RetentionRule.SHOP,
        ("auth-minimum-roles", "auth-revoke-anytime"),
        why="To show what you granted and to prove its end",
    ),
    DataCategory(
        "shop",
        Section.SHOP,
        "The shop",
        "Its name and members.",
        RetentionRule.SHOP,
        ("cred-least-privilege",),
        why="So that people of the shop can sign in",
    ),
    DataCategory(
        "proofs",
        Section.EVIDENCE,
        "Requests, holds, erasures and certificates",
        "That a deletion was requested, or a legal hold was placed; what was erased, and the signed"
        " proof. Ids, counts and dates.",
        RetentionRule.EVIDENCE,
        ("aup-deletion-requests", "life-purge-30"),
        why="To prove the deletion to you and to Amazon",
    ),
    DataCategory(
        "access",
        Section.EVIDENCE,
        "Support access log",
        "Which operator opened this shop, when and why. Nothing of what they saw.",
        RetentionRule.EVIDENCE,
        ("cred-access-log",),
        why="So that you and a second person can check",
    ),
)
