"""The page of expenses: the list, its file, and changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.types import Permission, TenantContext
from theseller.analytics.expenses.daily_amounts import daily_amounts
from theseller.analytics.expenses.forms import ExpenseForm
from theseller.analytics.expenses.operations import delete_expense, set_expense
from theseller.analytics.expenses.queries import expenses
from theseller.analytics.expenses.types import (
    CATEGORY_LABELS,
    RECURRENCE_LABELS,
    WHOLE_SHOP,
    Expense,
    ExpenseInput,
    ExpenseRefusedError,
    Recurrence,
)
from theseller.analytics.pages import queries
from theseller.analytics.pages.csv_response import Cell, csv_response
from theseller.analytics.pages.page_filters import (
    store_label,
    store_options,
    today_in,
)
from theseller.analytics.pages.page_responses import exports, may_export
from theseller.analytics.pages.periods import Span, add_months
from theseller.edge.compression_decorator import compressed
from theseller.edge.date_time_formatting import month_and_year
from theseller.edge.rate_limits import Rate, Subject, by_account, limited
from theseller.edge.translate_marked_texts import translated_error
from theseller.lib import clock
from theseller.lib.money import Money
from theseller.tenancy.tenant_scope import tenant_scope

_RATES: dict[Subject, Rate] = {by_account: Rate.per_minute(60, burst=120)}


@require_safe
@compressed()
@tenant_permission_required(Permission.DASHBOARD_READ)
def expenses_page(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """List the expenses, with a form for a new one or for one of them."""
    return _answer(request, tenant_context)


@require_POST
@limited("expenses", _RATES)
@tenant_permission_required(Permission.EXPENSE_MANAGE)
def save_expense(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Add an expense, or change the one that the form names."""
    with tenant_scope(tenant_context.tenant):
        options = store_options(queries.stores())
    edited = _id(request.POST.get("expense", ""))
    form = ExpenseForm(request.POST, options=options)
    if form.is_valid():
        entered = form.entered()
        try:
            set_expense(
                entered,
                expense=edited,
                tenant=tenant_context.tenant,
                actor=tenant_context.actor,
                at=clock.now(),
            )
        except ExpenseRefusedError as refusal:
            form.add_error(None, translated_error(refusal))
        else:
            messages.success(request, _("“%(name)s” is saved.") % {"name": entered.name})
            return redirect(reverse("analytics:expenses"))
    return _answer(request, tenant_context, form, edited)


@require_POST
@limited("expenses", _RATES)
@tenant_permission_required(Permission.EXPENSE_MANAGE)
def remove_expense(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Delete an expense."""
    expense = _id(request.POST.get("expense", ""))
    if expense is None:
        raise Http404
    try:
        delete_expense(
            expense, tenant=tenant_context.tenant, actor=tenant_context.actor, at=clock.now()
        )
    except ExpenseRefusedError as refusal:
        messages.error(request, translated_error(refusal))
    else:
        messages.success(request, _("The expense is deleted."))
    return redirect(reverse("analytics:expenses"))


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _answer(
    request: HttpRequest,
    tenant_context: TenantContext,
    refused: ExpenseForm | None = None,
    edited: UUID | None = None,
) -> HttpResponse:
    at = clock.now()
    with tenant_scope(tenant_context.tenant):
        options = store_options(queries.stores())
        found = expenses()
        if refused is None and exports(request, tenant_context, "expenses", at):
            return _csv(found, at)
    edited = edited or _id(request.GET.get("edit", ""))
    stored = next((one for one in found if one.id == edited), None)
    today = max((today_in(one.scope, at) for one in options), default=at.date())
    month = Span(today.replace(day=1), add_months(today.replace(day=1), 1) - timedelta(days=1))
    context = {
        "tenant_context": tenant_context,
        "options": options,
        "rows": [_row(one, month, today) for one in found],
        "totals": _totals(found, month),
        "month": month_and_year(month.first),
        "edited": stored,
        "may_edit": tenant_context.may(Permission.EXPENSE_MANAGE),
        "csv_url": "?format=csv" if may_export(tenant_context) and found else "",
        "form": refused or ExpenseForm(options=options, expense=stored, today=today.replace(day=1)),
    }
    response = render(
        request, "analytics/expenses.html", context, status=422 if refused is not None else 200
    )
    response["Cache-Control"] = "private, no-store"
    return response


def _row(expense: Expense, month: Span, today: date) -> dict[str, Any]:
    entered = expense.entered
    return {
        "id": expense.id,
        "entered": entered,
        "category": _(CATEGORY_LABELS.get(entered.category, CATEGORY_LABELS["other"])),
        "store": _store(entered),
        "amount": Money(entered.amount, entered.currency),
        "paid": _(RECURRENCE_LABELS[entered.recurrence]),
        "one_day": entered.recurrence is Recurrence.ONCE and entered.last_day is None,
        "of_month": Money(_sum(entered, month), entered.currency),
        "ended": entered.last_day is not None and entered.last_day < today,
    }


def _store(entered: ExpenseInput) -> str:
    if entered.marketplace_id == WHOLE_SHOP:
        return _("All %(currency)s stores") % {"currency": entered.currency}
    return store_label(entered.marketplace_id)


def _sum(entered: ExpenseInput, span: Span) -> Decimal:
    return sum(daily_amounts(entered, span.first, span.last).values(), Decimal(0))


def _totals(found: Sequence[Expense], month: Span) -> list[Money]:
    """Return what all expenses of a month amount to, for each currency."""
    sums: dict[str, Decimal] = {}
    for one in found:
        currency = one.entered.currency
        sums[currency] = sums.get(currency, Decimal(0)) + _sum(one.entered, month)
    return [Money(amount, currency) for currency, amount in sums.items()]


def _csv(found: Sequence[Expense], at: datetime) -> HttpResponse:
    header = [
        "Name",
        "Category",
        "Store",
        "Currency",
        "Amount",
        "Paid",
        "First day",
        "Last day",
    ]
    return csv_response(
        f"theseller-expenses-{at.date().isoformat()}", header, [_cells(one) for one in found]
    )


def _cells(expense: Expense) -> list[Cell]:
    entered = expense.entered
    return [
        entered.name,
        CATEGORY_LABELS.get(entered.category, entered.category),
        _store(entered),
        entered.currency,
        entered.amount,
        RECURRENCE_LABELS[entered.recurrence],
        entered.first_day,
        entered.last_day,
    ]
