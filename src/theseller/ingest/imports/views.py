"""The import page: files are inspected, then stored on confirmation.

Between the two requests the browser keeps the files, never the server.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import thread_time
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.types import Permission, TenantContext
from theseller.amazon.charge_classifier import ChargeType
from theseller.amazon.charge_display_names import charge_name
from theseller.amazon.reports import (
    Inspection,
    Limits,
    Options,
    Question,
    ReportType,
    inspect_report,
)
from theseller.amazon.reports.format_registry import title
from theseller.edge.date_time_formatting import day_range
from theseller.edge.number_formatting import format_count
from theseller.edge.rate_limits import Rate, by_account, by_ip, limited
from theseller.edge.translate_marked_texts import translated
from theseller.ingest.imports.concurrent_import_limits import ImportBusyError, import_slot
from theseller.ingest.imports.forms import ImportForm
from theseller.ingest.imports.inspection_texts import (
    dropped_by_reason,
    is_count,
    period_texts,
)
from theseller.ingest.imports.operations import (
    import_report,
    imported_documents,
    may_leave_out_rows,
)
from theseller.ingest.imports.outcome_texts import outcome_texts
from theseller.ingest.imports.stated_stores import preselected, stores_to_state
from theseller.ingest.imports.types import ImportedDocument, ImportOutcome, ImportStatus
from theseller.ingest.imports.upload_decorators import drain_body, limit_upload
from theseller.lib import clock
from theseller.lib.marketplaces import MARKETPLACES, Marketplace, by_code
from theseller.lib.money import Money

_VERDICTS = {
    ImportStatus.IMPORTED: ("good", "check", gettext_noop("Imported")),
    ImportStatus.ALREADY: ("info", "check", gettext_noop("Already imported")),
    ImportStatus.EMPTY: ("info", "info", gettext_noop("Nothing to import")),
    ImportStatus.REFUSED: ("bad", "warning", gettext_noop("Rejected")),
}
_UNANSWERED = ("info", "info", gettext_noop("Store or days needed"))

#: The totals that a card names, other than charges of a settlement.
_TOTALS = (
    gettext_noop("Gift wrap price"),
    gettext_noop("Gift wrap tax"),
    gettext_noop("Item price"),
    gettext_noop("Item promotion discount"),
    gettext_noop("Item tax"),
    gettext_noop("Ordered product sales by day"),
    gettext_noop("Ordered product sales by product"),
    gettext_noop("Quantity"),
    gettext_noop("Sessions by day"),
    gettext_noop("Sessions by product"),
    gettext_noop("Settlement total"),
    gettext_noop("Ship promotion discount"),
    gettext_noop("Shipping price"),
    gettext_noop("Shipping tax"),
    gettext_noop("Units ordered by day"),
    gettext_noop("Units ordered by product"),
)
#: Why columns were not read, by the reason of the decoders.
_DROPPED = {
    "PII: buyer's place of delivery": gettext_noop("Personal data, buyer's place of delivery"),
    "PII: who the buyer is": gettext_noop("Personal data, who the buyer is"),
    "PII: buyer's tax identity": gettext_noop("Personal data, buyer's tax identity"),
    "PII: text or link written by the buyer": gettext_noop(
        "Personal data, text or link written by the buyer"
    ),
    "PII: buyer's own order number": gettext_noop("Personal data, buyer's own order number"),
    "PII: label of one returned unit": gettext_noop("Personal data, label of one returned unit"),
    "not needed": gettext_noop("Not needed"),
    "unknown to this version": gettext_noop("Unknown to this version"),
}

#: More lines than a report of 64 MB has, and at most five seconds of a processor; `theseller
#: import` takes a million lines.
_LIMITS = Limits(lines=400_000)
#: Seconds of a processor that the files of one request may take before the rest is left unread.
_CPU_SECONDS = 30.0
_BUSY_SECONDS = 3


def _refuse(request: HttpRequest, status: int, heading: str, text: str) -> HttpResponse:
    """Answer an upload whose files were not read."""
    # The body may be unread, so the header says how the answer is wanted.
    if request.headers.get("X-Fragment"):
        return render(
            request, "ingest/import_refusal.html", {"heading": heading, "text": text}, status=status
        )
    stores = stores_to_state(tenant=_tenant_context(request).tenant)
    form = ImportForm(stores=stores)
    return _page(request, form=form, refusal=(heading, text), status=status)


def _tenant_context(request: HttpRequest) -> TenantContext:
    # set by `tenant_permission_required`
    context: TenantContext = request.tenant_context  # type: ignore[attr-defined]
    return context


# The forgery check would read the whole body first. It still happens, one step later: after
# session, permission, rate and size.
@csrf_exempt
@drain_body
@require_http_methods(["GET", "HEAD", "POST"])
@tenant_permission_required(Permission.DOCUMENT_IMPORT)
@limited(
    "import", {by_account: Rate.per_minute(30, burst=60), by_ip: Rate.per_minute(60, burst=120)}
)
@limit_upload(_refuse)
@csrf_protect
def import_files(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show the page (GET); inspect or, with `confirm`, store files (POST).

    A script requests only the cards, with the header X-Fragment.
    """
    fragment = bool(request.headers.get("X-Fragment"))
    stores = stores_to_state(tenant=tenant_context.tenant)
    if request.method != "POST":
        template = "ingest/import_documents.html" if fragment else ""
        return _page(request, form=ImportForm(stores=stores), template=template)
    form = ImportForm(request.POST, stores=stores)
    files = request.FILES.getlist("files")
    if not form.is_valid() and files:
        said = " ".join(str(error) for errors in form.errors.values() for error in errors)
        return _refuse(request, 422, _("Check the options"), said)
    if len(files) > 1 and form.is_valid() and form.stated().days:
        said = _("The days are those of one file: import Business Reports by product one by one.")
        return _refuse(request, 422, _("Check the options"), said)
    if not files:
        return _refuse(
            request,
            422,
            _("No file selected"),
            _("Choose the report files that you downloaded from Seller Central, then check them."),
        )
    try:
        with import_slot(person=tenant_context.person, tenant=tenant_context.tenant):
            cards = [
                {**card, **({} if card["ok"] else _questions(card["inspection"], form, stores))}
                for card in _cards(files, form, tenant_context)
            ]
    except ImportBusyError as busy:
        text = _(
            "%(reason)s This file was not checked, and nothing was saved. Try again in a few"
            " seconds."
        ) % {"reason": translated(busy.reason)}
        refused = _refuse(request, 409, _("Another import is running"), text)
        refused["Retry-After"] = str(_BUSY_SECONDS)
        return refused
    # To a script, an inspection that finds a file bad is one that worked.
    worked = all(card["ok"] for card in cards) or (fragment and not form.cleaned_data["confirm"])
    template = "ingest/import_cards.html" if fragment else ""
    return _page(request, form=form, cards=cards, status=200 if worked else 422, template=template)


def _page(
    request: HttpRequest,
    *,
    form: ImportForm,
    status: int = 200,
    template: str = "",
    **more: Any,  # noqa: ANN401
) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "limit_mb": settings.UPLOAD_BYTES_MAX >> 20,
        "most": settings.DATA_UPLOAD_MAX_NUMBER_FILES,
    }
    if template != "ingest/import_cards.html":
        documents, count = imported_documents(tenant=_tenant_context(request).tenant)
        context |= {
            "documents": [_listed(document) for document in documents],
            "documents_count": count,
            "at": clock.now(),
        }
    return render(request, template or "ingest/import.html", context | more, status=status)


def _cards(
    files: list[UploadedFile[bytes]], form: ImportForm, tenant_context: TenantContext
) -> list[dict[str, Any]]:
    """Inspect or store each file until the request has used its CPU time.

    Files that are left are reported as not read.
    """
    cards = []
    begun = thread_time()
    for file in files:
        if thread_time() - begun > _CPU_SECONDS:
            cards.append(
                _unread(
                    file,
                    form,
                    _("the files before it took too long"),
                    _("Nothing was saved. Upload this file on its own."),
                )
            )
            continue
        try:
            cards.append(_card(file, form, tenant_context))
        except MemoryError:
            advice = _(
                "Nothing was saved. Upload this file on its own. If that fails, request a report"
                " for a shorter period in Seller Central."
            )
            cards.append(
                _unread(file, form, _("the server does not have enough memory to read it"), advice)
            )
    return cards


def _unread(
    file: UploadedFile[bytes], form: ImportForm, why_not: str, advice: str
) -> dict[str, Any]:
    found = Inspection(why_not=why_not, advice=advice)
    if form.cleaned_data["confirm"]:
        outcome = ImportOutcome(ImportStatus.REFUSED, found, why_not=why_not, advice=advice)
        return {"name": file.name, "ok": False, **_outcome(outcome), **_described(found)}
    verdict = ("bad", "warning", gettext_noop("Can't be imported"))
    return {
        "name": file.name,
        "ok": False,
        "verdict": verdict,
        "inspected": True,
        "partly": False,
        "button": "",
        **_described(found),
    }


@sensitive_variables()
def _card(
    file: UploadedFile[bytes], form: ImportForm, tenant_context: TenantContext
) -> dict[str, Any]:
    """Inspect or import one file, and gather what its card shows."""
    options = Options(
        filename=file.name,
        encoding=form.cleaned_data["encoding"] or None,
        allow_refused_rows=form.cleaned_data["allow_refused_rows"],
        limits=_LIMITS,
        stated=form.stated(),
    )
    if form.cleaned_data["confirm"]:
        outcome = import_report(
            lambda: _pieces(file),
            options,
            tenant=tenant_context.tenant,
            actor=tenant_context.actor,
            at=clock.now(),
        )
        return {
            "name": file.name,
            "ok": outcome.ok,
            **_outcome(outcome),
            **_described(outcome.inspection),
        }
    inspection = inspect_report(
        lambda: _pieces(file),
        filename=options.filename,
        encoding=options.encoding,
        limits=_LIMITS,
        stated=options.stated,
    )
    partly = not inspection.importable and may_leave_out_rows(inspection)
    verdict = (
        ("good", "check", gettext_noop("Can be imported"))
        if inspection.importable
        else ("bad", "warning", gettext_noop("Can't be imported"))
    )
    return {
        "name": file.name,
        "ok": inspection.importable,
        "verdict": verdict,
        "inspected": True,
        "partly": partly,
        "button": _button(inspection),
        **_described(inspection),
    }


def _questions(
    inspection: Inspection, form: ImportForm, stores: Sequence[Marketplace]
) -> dict[str, Any]:
    """Return what a card asks of the person, if its file leaves it open."""
    if not inspection.asks:
        return {}
    stated = form.stated()
    answers = {Question.STORE: stated.marketplace, Question.DAYS: stated.days}
    unanswered = any(answers[question] is None for question in inspection.asks)
    chosen = stated.marketplace or preselected(inspection.stores_possible, stores)
    return {
        "asks": True,
        **({"verdict": _UNANSWERED, "unanswered": True} if unanswered else {}),
        "asks_days": Question.DAYS in inspection.asks or stated.days is not None,
        "stores_to_choose": stores,
        "store_chosen": chosen.code if chosen else "",
        "first_chosen": stated.first,
        "last_chosen": stated.last,
    }


def _button(inspection: Inspection) -> str:
    if inspection.importable:
        return ngettext("Import %(rows)s row", "Import %(rows)s rows", inspection.rows) % {
            "rows": format_count(inspection.rows)
        }
    return ngettext(
        "Import %(rows)s readable row, skip %(refused)s",
        "Import %(rows)s readable rows, skip %(refused)s",
        inspection.rows,
    ) % {
        "rows": format_count(inspection.rows),
        "refused": format_count(inspection.rows_refused_count),
    }


def _pieces(file: UploadedFile[bytes]) -> Iterable[bytes]:
    file.seek(0)
    return file.chunks()


def _outcome(outcome: ImportOutcome) -> dict[str, Any]:
    first, *others = map(translated, outcome_texts(outcome))
    tone = (
        ""
        if outcome.status in {ImportStatus.ALREADY, ImportStatus.EMPTY}
        else _VERDICTS[outcome.status][0]
    )
    stored = outcome.status is ImportStatus.IMPORTED
    return {
        "verdict": _VERDICTS[outcome.status],
        "said": first,
        "said_more": " ".join(others),
        "tone": tone,
        "done": outcome.ok,
        "stored": stored,
    }


def _described(inspection: Inspection) -> dict[str, Any]:
    kind = inspection.report_type
    return {
        "inspection": inspection,
        "title": translated(title(kind)) if kind else "",
        "period": [translated(text) for text in period_texts(inspection)],
        "stores": [by_code(code).sales_channel for code in inspection.marketplaces],
        "dropped": {
            _(_DROPPED.get(reason, reason.capitalize())): names
            for reason, names in dropped_by_reason(inspection).items()
        },
        "totals": _totals(inspection),
        "currencies": [currency for currency in sorted(inspection.totals) if currency],
        "more_refused": inspection.rows_refused_count - len(inspection.rows_refused[:10]),
        "refused": inspection.rows_refused[:10],
        "is_settlement": kind is ReportType.SETTLEMENT_V2,
    }


def _totals(inspection: Inspection) -> list[tuple[str, list[Money | int | None]]]:
    """Return (measure, one value per currency), in the order of the report."""
    currencies = [currency for currency in sorted(inspection.totals) if currency]
    measures = dict.fromkeys(
        measure for currency in currencies for measure in inspection.totals[currency]
    )
    rows: list[tuple[str, list[Money | int | None]]] = []
    for measure in measures:
        values: list[Money | int | None] = []
        for currency in currencies:
            value = inspection.totals[currency].get(measure)
            counts = value is not None and is_count(measure)
            values.append(
                None if value is None else int(value) if counts else Money(value, currency)
            )
        rows.append((_measure_name(measure), values))
    return rows


def _measure_name(measure: str) -> str:
    """Return the name of a sum.

    It is a charge type of a settlement, or a column of another report.
    """
    if measure in set(ChargeType):
        return _(charge_name(ChargeType(measure)))
    name = measure.replace("-", " ").capitalize()
    return _(name) if name in _TOTALS else name


def _listed(document: ImportedDocument) -> dict[str, Any]:
    stores = [MARKETPLACES[store] for store in document.marketplace_ids if store in MARKETPLACES]
    first, last = document.covers_from, document.covers_until
    # Days are the stores' own; where they differ, the span that holds them all.
    days = (
        min((store.local_day(first) for store in stores), default=first.date()),
        max((store.local_day(last) for store in stores), default=last.date()),
    )
    return {
        "title": translated(title(document.report_type)),
        "stores": ", ".join(store.sales_channel for store in stores) or _("no store"),
        "period": day_range(*days),
        "document": document,
    }
