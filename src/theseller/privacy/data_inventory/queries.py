"""Count the data stored about a shop, and compute when it expires."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connections as databases
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from theseller.amazon.feature_requirements import FEATURES
from theseller.connections.types import ConnectionView
from theseller.privacy.data_inventory.categories import CATEGORIES
from theseller.privacy.data_inventory.types import (
    DataCategory,
    ExpiryDates,
    InventorySection,
    RetentionRule,
    Section,
    Source,
    StoredData,
)
from theseller.retention.retention_limits import (
    BACKUP_DAYS,
    ERASURE_DAYS_MAX,
    FACTS_KEPT_DAYS,
    PII_DAYS_MAX,
    SECURITY_LOG_DAYS_MIN,
)
from theseller.tenancy.tenant_scope import current_tenant

_LOG = DataCategory(
    "log",
    Section.EVIDENCE,
    gettext_noop("Security log"),
    gettext_noop("Who did what in this shop, and when. Ids only: no name, no amount."),
    RetentionRule.EVIDENCE,
    ("cred-access-log",),
    why=gettext_noop("Amazon requires it, and it proves what is promised here"),
)
_BACKUPS = DataCategory(
    "backups",
    Section.COPIES,
    gettext_noop("Backups"),
    gettext_noop(
        "Encrypted copies of the whole database, each under a key that is destroyed with it. A"
        " restore repeats every erasure before anyone can read."
    ),
    RetentionRule.BACKUP,
    ("life-backups-90", "bak-cap"),
    why=gettext_noop("So that nothing of yours is lost when a machine is"),
)
_RECIPIENTS = "pii.recipient"
_READABLE_BACKUPS = """
select count(*), min(finished_at), max(finished_at) from retention_backup
where finished_at is not null and key_destroyed_at is null and failed is null
"""


def data_inventory(
    connections: Iterable[ConnectionView], *, using: str = "default"
) -> tuple[InventorySection, ...]:
    """Return the stored data of the tenant in scope, by section.

    Empty categories are included.
    """
    open_connections = [view for view in connections if view.is_open]
    with databases[using].cursor() as cursor:
        cursor.execute(_READABLE_BACKUPS)
        copies, first_copy, last_copy = cursor.fetchone()
        expiry = ExpiryDates(
            min(
                (
                    view.authorisation_expires_at
                    for view in open_connections
                    if view.authorisation_expires_at
                ),
                default=None,
            ),
            last_copy + timedelta(days=BACKUP_DAYS) if last_copy else None,
            _last_recipient_expiry(cursor),
        )
        chosen = {feature for view in open_connections for feature in view.features}
        found = [
            _stored(category, *_count(cursor, category.sources), chosen, expiry)
            for category in CATEGORIES
        ]
        cursor.execute("select lines, since from guard.log_of_shop()")
        found.append(_stored(_LOG, *_dated(cursor.fetchone()), chosen, expiry))
        found.append(_stored(_BACKUPS, *_dated((copies, first_copy)), chosen, expiry))
    return tuple(
        InventorySection(
            section.value, tuple(one for one in found if one.category.section is section)
        )
        for section in Section
    )


def next_authorization_expiry(connections: Iterable[ConnectionView]) -> datetime | None:
    """Return when the first open connection's authorization expires.

    An authorization lasts a year, and can be renewed before. None without one.
    """
    return min(
        (
            view.authorisation_expires_at
            for view in connections
            if view.is_open and view.authorisation_expires_at
        ),
        default=None,
    )


def _last_recipient_expiry(cursor: Any) -> date | None:  # Django's cursor  # noqa: ANN401
    cursor.execute("select until from guard.recipients_of_shop()")
    last: date | None = cursor.fetchone()[0]
    return last


# Django's cursor
def _count(cursor: Any, sources: tuple[Source, ...]) -> tuple[int, date | None]:  # noqa: ANN401
    rows, oldest = 0, []
    for source in sources:
        column = "id" if source.table == "tenancy_tenant" else "tenant_id"
        if source.table == _RECIPIENTS:
            cursor.execute(
                "select held, since from guard.recipients_of_shop()"
            )  # The web can't read the table, only count.
        else:
            cursor.execute(
                # our own list's names
                f"select count(*), min({source.since or 'null'}) from {source.table} "  # noqa: S608
                f"where {column} = %s",
                [current_tenant()],
            )
        count, since = _dated(cursor.fetchone())
        rows += count
        oldest += [since] if since else []
    return rows, min(oldest, default=None)


def _dated(row: tuple[int, date | datetime | None]) -> tuple[int, date | None]:
    count, since = row
    return count, since.date() if isinstance(since, datetime) else since


def _stored(
    category: DataCategory, rows: int, since: date | None, chosen: set[str], expiry: ExpiryDates
) -> StoredData:
    until, description = _expiry(category.limit, rows, since, expiry)
    return StoredData(
        category,
        rows,
        since,
        _(category.why) if category.why else _why(category.features, chosen, rows),
        until,
        description,
    )


def _why(features: tuple[str, ...], chosen: set[str], rows: int) -> str:
    """Return the features that need the data.

    Those that the seller chose; if there are no rows, those that would need it.
    """
    named = [_(FEATURES[key].title) for key in features if key in chosen or not rows]
    return (
        _("For %(features)s") % {"features": ", ".join(named)}
        if named
        else _("From files that you imported")
    )


def _expiry(
    limit: RetentionRule, rows: int, since: date | None, expiry: ExpiryDates
) -> tuple[date | None, str]:
    """Return (day, text): what happens on that day, and what ends it sooner."""
    sooner = _("all of it within %(days)d days of disconnecting") % {"days": ERASURE_DAYS_MAX}
    if limit is RetentionRule.AGE:
        # The first day that is too old is the one after the last that is kept.
        leaves = since + timedelta(days=FACTS_KEPT_DAYS + 1) if rows and since else None
        return leaves, _("the oldest day is deleted then, at 18 months; %(sooner)s") % {
            "sooner": sooner
        }
    if limit is RetentionRule.AUTHORISATION:
        return (expiry.authorisation.date() if expiry.authorisation and rows else None), _(
            "Amazon's yearly authorization ends; at once when you disconnect"
        )
    if limit is RetentionRule.BUYER:
        return (
            expiry.recipients,
            (
                _(
                    "the last of it can't be read any more, each %(days)d days after shipment at"
                    " most; at once when you disconnect"
                )
                % {"days": PII_DAYS_MAX}
            ),
        )
    if limit is RetentionRule.BACKUP:
        return (expiry.backup.date() if expiry.backup else None), _(
            "the newest copy of now can't be read any more; each lives %(days)d days"
        ) % {"days": BACKUP_DAYS}
    return (
        None,
        {
            RetentionRule.CONNECTION: _("replaced as it changes; %(sooner)s") % {"sooner": sooner},
            RetentionRule.SHOP: _("as long as the shop exists here"),
            RetentionRule.EVIDENCE: (
                _(
                    "at least %(months)d months, also after the shop was deleted: it contains none"
                    " of the shop's data"
                )
                % {"months": SECURITY_LOG_DAYS_MIN // 30}
            ),
        }[limit],
    )
