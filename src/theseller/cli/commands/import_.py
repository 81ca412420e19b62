"""`theseller import FILE… --shop ID`: import report files into a shop.

Each file is imported completely or not at all.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from theseller.amazon.reports import Inspection, Options, ReportRefusedError
from theseller.amazon.reports.format_registry import title
from theseller.cli.django_setup import setup_django
from theseller.cli.errors import FAILURE, OK, USAGE, CommandError
from theseller.cli.report_file_arguments import (
    STDIN,
    add_file_arguments,
    check_files,
    check_stated_days,
    open_source,
    shown_name,
    stated_scope,
)
from theseller.cli.report_inspection_output import inspection_text
from theseller.ingest.imports.inspection_texts import counted
from theseller.ingest.imports.types import ImportOutcome, ImportStatus
from theseller.lib import clock

if TYPE_CHECKING:
    from theseller.accounts.types import ShopOfPerson

HELP = "import report files downloaded from Seller Central"
_MARKS = {
    ImportStatus.IMPORTED: "imported",
    ImportStatus.ALREADY: "already there",
    ImportStatus.EMPTY: "nothing to store",
}


@dataclass(frozen=True, slots=True)
class _Shop:
    tenant: UUID
    name: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the files, the member and the shop."""
    add_file_arguments(parser)
    parser.add_argument(
        "--as",
        dest="person",
        metavar="EMAIL",
        help="a member of the shop who may import; selects the shop",
    )
    parser.add_argument(
        "--shop",
        metavar="ID-OR-NAME",
        help="the shop ID, or with --as its name if the member has several shops",
    )
    parser.add_argument(
        "--allow-refused-rows",
        action="store_true",
        help="import readable rows and skip the others (never for settlements)",
    )
    parser.set_defaults(usage_error=parser.error)


def run(args: argparse.Namespace) -> int:
    """Return 0 only if every file was imported, or had been before."""
    check_files(args.files, args.usage_error)
    check_stated_days(args)
    if not args.shop and not args.person:
        args.usage_error("choose the shop: --as EMAIL of a member, or --shop with its ID")
    setup_django("web")
    from theseller.tenancy.database_startup_checks import refuse_unsafe_database

    refuse_unsafe_database()
    shop = _find_shop(args.shop, args.person)
    if not args.json:
        print(f"Into {shown_name(shop.name)} ({shop.tenant}):")
    outcomes: list[tuple[str, ImportOutcome]] = []
    for name in args.files:
        outcome = _import(name, args, shop)
        outcomes.append((shown_name(name), outcome))
        if not args.json:
            _print(shown_name(name), outcome)
    days = (
        _recompute(shop)
        if any(outcome.status is ImportStatus.IMPORTED for _, outcome in outcomes)
        else 0
    )
    _summarise(shop, outcomes, days, as_json=args.json)
    return OK if all(outcome.ok for _, outcome in outcomes) else FAILURE


def _import(name: str, args: argparse.Namespace, shop: _Shop) -> ImportOutcome:
    from theseller.ingest.imports.operations import import_report

    options = Options(
        filename=None if name == STDIN else name,
        encoding=args.encoding,
        expected=args.type,
        allow_refused_rows=args.allow_refused_rows,
        stated=stated_scope(args),
    )
    try:
        source = open_source(name)
    except ReportRefusedError as error:
        return ImportOutcome(
            ImportStatus.REFUSED,
            Inspection(why_not=error.reason),
            why_not=error.reason,
            advice=error.advice,
        )
    # The operator runs this, not the person whose shop it is: the audit log must not say otherwise.
    return import_report(source, options, tenant=shop.tenant, actor="process:cli", at=clock.now())


def _find_shop(wanted: str | None, email: str | None) -> _Shop:
    """Find the shop by its ID, or among one member's shops.

    No role of the service may read all shops.

    Raises:
        CommandError: no shop fits, or several do.
    """
    if email:
        return _shop_of_person(email, wanted)
    try:
        tenant = UUID(wanted)
    except ValueError:
        advice = (
            "Give its id, or add --as EMAIL of one of its members: names are only looked up among"
            " one person's shops."
        )
        raise CommandError("A name alone does not identify a shop.", advice, status=USAGE) from None
    from theseller.tenancy.models import Tenant
    from theseller.tenancy.tenant_scope import tenant_scope

    with tenant_scope(tenant):
        found = Tenant.objects.filter(id=tenant).first()
    if found is None:
        raise CommandError(
            "There is no shop with this id.", "Give --as EMAIL of one of its members instead."
        )
    return _Shop(tenant, found.name)


def _shop_of_person(email: str, wanted: str | None) -> _Shop:
    from theseller.accounts.queries import memberships_of, person_by_email
    from theseller.accounts.types import Permission, permissions_of

    person = person_by_email(email)
    shops = memberships_of(person) if person else ()
    if not shops:
        raise CommandError(
            "No user with this address is a member of a shop.",
            "Check --as, or give the shop's id with --shop.",
        )
    fitting = [shop for shop in shops if wanted in {None, shop.name, str(shop.tenant)}]
    if len(fitting) != 1:
        what = (
            "belongs to several shops"
            if wanted is None
            else "has no shop of this name"
            if not fitting
            else "has several of this name"
        )
        raise CommandError(
            f"This person {what}.", f"Choose one with --shop: {_listed(shops)}.", status=USAGE
        )
    (shop,) = fitting
    if Permission.DOCUMENT_IMPORT not in permissions_of(shop.role, shop.marketplaces):
        limited = ", limited to some marketplaces," if shop.marketplaces is not None else ""
        raise CommandError(
            f"This person is a {shop.role.value} of the shop{limited} and may not import.",
            "Name an owner or analyst of the shop with --as, who is not limited to marketplaces.",
        )
    return _Shop(shop.tenant, shop.name)


def _listed(shops: Sequence[ShopOfPerson]) -> str:
    return ", ".join(f"{shown_name(shop.name)} ({shop.tenant})" for shop in shops)


def _recompute(shop: _Shop) -> int:
    """Recompute the figures now and return how many days were recomputed.

    The worker would do it within seconds, but may not be running.
    """
    from theseller.analytics.rollups.recompute import recompute_dirty

    days = 0
    while (batch := recompute_dirty(tenant=shop.tenant, at=clock.now())).days:
        days += batch.days
        if not batch.more:
            break
    return days


def _print(name: str, outcome: ImportOutcome) -> None:
    from theseller.ingest.imports.outcome_texts import outcome_texts

    if outcome.status is ImportStatus.REFUSED:
        if outcome.inspection.report_type:
            print("\n" + inspection_text(name, outcome.inspection))
        print(f"\n{name}: REFUSED")
    else:
        print(f"\n{name}: {title(outcome.inspection.report_type)}: {_MARKS[outcome.status]}")
    for text in outcome_texts(outcome):
        print(f"  {text}")


def _summarise(
    shop: _Shop, outcomes: list[tuple[str, ImportOutcome]], days: int, *, as_json: bool
) -> None:
    if as_json:
        files = [{"file": name, **_document(outcome)} for name, outcome in outcomes]
        good = all(outcome.ok for _, outcome in outcomes)
        print(
            json.dumps(
                {
                    "shop": str(shop.tenant),
                    "imported": good,
                    "days_recomputed": days,
                    "files": files,
                },
                indent=2,
            )
        )
        return
    refused = sum(not outcome.ok for _, outcome in outcomes)
    parts = [
        f"{sum(outcome.status is status for _, outcome in outcomes):,} {word}"
        for status, word in _MARKS.items()
    ]
    print(
        f"\n{counted(len(outcomes), 'file')}: {', '.join(parts)}, {refused:,} refused;"
        f" {counted(days, 'day')} of figures recomputed."
    )


def _document(outcome: ImportOutcome) -> dict[str, Any]:
    written = outcome.written
    counts = {
        name: getattr(written, name)
        for name in ("rows", "replaced", "unchanged", "outdated", "too_old", "elsewhere", "days")
    }
    return {
        "status": outcome.status.value,
        "document": str(outcome.document) if outcome.document else None,
        "why_not": outcome.why_not,
        "advice": outcome.advice,
        "written": counts,
        "inspection": outcome.inspection.as_dict(),
    }
