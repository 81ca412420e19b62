"""Categories of the data stored about a shop.

Each tenant table belongs to exactly one.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop

from theseller.privacy.data_inventory.types import DataCategory, RetentionRule, Section

CATEGORIES: tuple[DataCategory, ...] = (
    DataCategory(
        "orders",
        Section.AMAZON,
        gettext_noop("Orders"),
        gettext_noop(
            "Lines of orders: number, day, status, product, quantity, prices and discounts."
            " Returned units: order number, time, product, fulfillment center, condition and"
            " reason; no comment. No buyer, no recipient, no address."
        ),
        RetentionRule.AGE,
        ("life-purge-30", "pii-strip"),
        features=("sales",),
    ),
    DataCategory(
        "money",
        Section.AMAZON,
        gettext_noop("Fees, refunds and payouts"),
        gettext_noop(
            "Money lines as Amazon posted them, with order number and SKU. No bank or card data."
        ),
        RetentionRule.AGE,
        ("life-purge-30", "pii-strip"),
        features=("finances",),
    ),
    DataCategory(
        "products",
        Section.AMAZON,
        gettext_noop("Products"),
        gettext_noop("SKU, ASIN and title of what you sell, as last seen."),
        RetentionRule.CONNECTION,
        ("life-purge-30",),
        features=("sales", "finances", "stock"),
    ),
    DataCategory(
        "stock",
        Section.AMAZON,
        gettext_noop("Stock at Amazon"),
        gettext_noop("Units per product, as they are now; each reading replaces the one before."),
        RetentionRule.CONNECTION,
        ("life-purge-30",),
        features=("stock",),
    ),
    DataCategory(
        "traffic",
        Section.AMAZON,
        gettext_noop("Sessions and page views"),
        gettext_noop(
            "How often your pages were seen, per day and product, from Amazon's reports or from"
            " files that you imported."
        ),
        RetentionRule.AGE,
        ("life-purge-30",),
        features=("traffic",),
    ),
    DataCategory(
        "totals",
        Section.AMAZON,
        gettext_noop("Totals"),
        gettext_noop(
            "Sums per day and per product, made from the lines above so that pages open quickly."
        ),
        RetentionRule.AGE,
        ("life-purge-30",),
        features=("sales", "finances"),
    ),
    DataCategory(
        "documents",
        Section.AMAZON,
        gettext_noop("Reports and files read"),
        gettext_noop(
            "Which report or file became lines: its type, period, fingerprint and counts, and the"
            " payout of a settlement. The file itself is not kept."
        ),
        RetentionRule.AGE,
        ("life-purge-30",),
        why=gettext_noop("So that no file is counted twice"),
    ),
    DataCategory(
        "token",
        Section.ACCESS,
        gettext_noop("Refresh token"),
        gettext_noop(
            "Amazon's token that lets this service read for you, encrypted under a key of its own."
        ),
        RetentionRule.AUTHORISATION,
        ("cred-token-encryption", "life-token-now"),
        why=gettext_noop("Nothing can be read from Amazon without it"),
    ),
    DataCategory(
        "progress",
        Section.ACCESS,
        gettext_noop("Sync state"),
        gettext_noop(
            "Cursors, the state of Amazon's rate limits, names of fields that this version does not"
            " know, days to be summed again."
        ),
        RetentionRule.CONNECTION,
        ("life-purge-30",),
        why=gettext_noop("So that a restart goes on where it was"),
    ),
    DataCategory(
        "recipients",
        Section.ACCESS,
        gettext_noop("Recipients of parcels"),
        gettext_noop(
            "Name, address and gift message for packing slips, sealed. None unless you turn that"
            " on; never exported."
        ),
        RetentionRule.BUYER,
        ("pii-30-days", "pii-default-none"),
        why=gettext_noop("To print packing slips, which you turned on"),
    ),
    DataCategory(
        "features",
        Section.ACCESS,
        gettext_noop("Consents and keys"),
        gettext_noop(
            "Which features that need buyers' data you turned on (none by default), and which keys"
            " are destroyed with the connection. No buyer in it."
        ),
        RetentionRule.CONNECTION,
        ("pii-default-none",),
        why=gettext_noop("So that nothing of a buyer is fetched that you did not request"),
    ),
    DataCategory(
        "connections",
        Section.ACCESS,
        gettext_noop("Connections"),
        gettext_noop(
            "That you connected, when, with which permissions, and when it ended; hashed sign-in"
            " states."
        ),
        RetentionRule.SHOP,
        ("auth-minimum-roles", "auth-revoke-anytime"),
        why=gettext_noop("To show what you granted and to prove its end"),
    ),
    DataCategory(
        "shop",
        Section.SHOP,
        gettext_noop("The shop"),
        gettext_noop("Its name and members."),
        RetentionRule.SHOP,
        ("cred-least-privilege",),
        why=gettext_noop("So that people of the shop can sign in"),
    ),
    DataCategory(
        "costs",
        Section.SHOP,
        gettext_noop("Costs"),
        gettext_noop("Unit costs of your products, as your people entered them, and who did."),
        RetentionRule.SHOP,
        ("net-tenant-isolation",),
        why=gettext_noop("To compute your profit"),
    ),
    DataCategory(
        "expenses",
        Section.SHOP,
        gettext_noop("Expenses"),
        gettext_noop(
            "What your people entered about expenses that Amazon does not charge: name, category,"
            " amount, days, and who did."
        ),
        RetentionRule.SHOP,
        ("net-tenant-isolation",),
        why=gettext_noop("To compute your net profit"),
    ),
    DataCategory(
        "replenishment",
        Section.SHOP,
        gettext_noop("Replenishment settings"),
        gettext_noop(
            "What your people entered about ordering products: SKU, lead time, safety days, target"
            " cover, carton size, minimum quantity."
        ),
        RetentionRule.SHOP,
        ("net-tenant-isolation",),
        why=gettext_noop("To calculate when to order, and how much"),
    ),
    DataCategory(
        "proofs",
        Section.EVIDENCE,
        gettext_noop("Requests, holds, erasures and certificates"),
        gettext_noop(
            "That a deletion was requested, or a legal hold was placed; what was erased, and the"
            " signed proof. Ids, counts and dates."
        ),
        RetentionRule.EVIDENCE,
        ("aup-deletion-requests", "life-purge-30"),
        why=gettext_noop("To prove the deletion to you and to Amazon"),
    ),
    DataCategory(
        "access",
        Section.EVIDENCE,
        gettext_noop("Support access log"),
        gettext_noop("Which operator opened this shop, when and why. Nothing of what they saw."),
        RetentionRule.EVIDENCE,
        ("cred-access-log",),
        why=gettext_noop("So that you and a second person can check"),
    ),
)
