"""The form of an expense."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy
from typing_extensions import override

from theseller.analytics.expenses.types import (
    CATEGORY_LABELS,
    NAME_LIMIT,
    RECURRENCE_LABELS,
    Expense,
    ExpenseInput,
    Recurrence,
)
from theseller.analytics.pages.cost_views import cost_target
from theseller.analytics.pages.entry_fields import amount_field, day_field, read_amount
from theseller.analytics.pages.page_filters import StoreOption
from theseller.analytics.profit.types import CostRefusedError
from theseller.analytics.profit.unit_cost_rules import check_written_currency
from theseller.edge.translate_marked_texts import translated_error


class ExpenseForm(forms.Form):
    """What a person enters about an expense."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        label_suffix="",
        max_length=NAME_LIMIT,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    category = forms.ChoiceField(label=gettext_lazy("Category"), label_suffix="")
    store = forms.ChoiceField(label=gettext_lazy("Store"), label_suffix="")
    amount = amount_field(gettext_lazy("Amount"))
    recurrence = forms.ChoiceField(label=gettext_lazy("Paid"), label_suffix="")
    first_day = day_field(gettext_lazy("First day"))
    last_day = day_field(
        gettext_lazy("Last day"),
        required=False,
        help_text=gettext_lazy("Empty: it does not end; of one that is paid once, the same day."),
    )

    def __init__(
        self,
        *arguments: object,
        options: Sequence[StoreOption],
        expense: Expense | None = None,
        today: date | None = None,
        **keywords: object,
    ) -> None:
        """Offer these stores; begin with a stored expense, or with today."""
        if expense is not None:
            keywords["initial"] = _initial(expense, options)
        elif today is not None:
            keywords["initial"] = {"first_day": today, "recurrence": Recurrence.MONTHLY.value}
        super().__init__(*arguments, **keywords)  # type: ignore[arg-type]  # Django's own
        self._options = options
        _offer(self, "category", CATEGORY_LABELS.items())
        _offer(self, "recurrence", RECURRENCE_LABELS.items())
        _offer(self, "store", [(one.key, one.label) for one in options])

    def clean_amount(self) -> Decimal:
        """Read the amount, with a decimal point or a decimal comma."""
        return read_amount(self.cleaned_data["amount"])

    @override
    def clean(self) -> dict[str, Any]:
        """Refuse another currency than the store's beside the amount."""
        given: dict[str, Any] = super().clean() or {}
        if "amount" in given and "store" in given:
            try:
                check_written_currency(self.data["amount"], self._option().scope.currency)
            except CostRefusedError as refusal:
                self.add_error("amount", translated_error(refusal))
        return given

    def _option(self) -> StoreOption:
        return next(one for one in self._options if one.key == self.cleaned_data["store"])

    def entered(self) -> ExpenseInput:
        """Return what was entered, once the form is valid."""
        given, option = self.cleaned_data, self._option()
        return ExpenseInput(
            given["name"],
            given["category"],
            cost_target(option, self._options),
            option.scope.currency,
            given["amount"],
            Recurrence(given["recurrence"]),
            given["first_day"],
            given["last_day"],
        )


def _offer(form: forms.Form, name: str, choices: Iterable[tuple[str, str]]) -> None:
    field = cast("forms.ChoiceField", form.fields[name])
    field.choices = [(value, gettext_lazy(label)) for value, label in choices]


def _initial(expense: Expense, options: Sequence[StoreOption]) -> dict[str, object]:
    entered = expense.entered
    store = next(
        (
            one.key
            for one in options
            if one.scope.currency == entered.currency
            and cost_target(one, options) == entered.marketplace_id
        ),
        "",
    )
    return {
        "name": entered.name,
        "category": entered.category,
        "store": store,
        "amount": f"{entered.amount.normalize():f}",
        "recurrence": entered.recurrence.value,
        "first_day": entered.first_day,
        "last_day": entered.last_day,
    }
