"""Forms of unit costs."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy
from typing_extensions import override

from theseller.analytics.profit.types import BEGINNING, CostRefusedError
from theseller.analytics.profit.unit_cost_rules import (
    check_cost,
    check_day,
    check_written_currency,
)
from theseller.analytics.profit.written_numbers import Unreadable, read_amounts
from theseller.edge.translate_marked_texts import translated_error

_AMBIGUOUS = gettext_lazy(
    "This may be a thousand or a decimal. Write it with two decimals, such as 1.50."
)
_NO_AMOUNT = gettext_lazy("Enter an amount, such as 1.50.")


class CostForm(forms.Form):
    """A unit cost, and the day from which it applies.

    Without a day it applies from the beginning.
    """

    sku = forms.CharField(max_length=200, strip=False, widget=forms.HiddenInput)
    unit_cost = forms.CharField(
        label=gettext_lazy("Unit cost"),
        label_suffix="",
        max_length=40,
        error_messages={"required": _NO_AMOUNT},
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    valid_from = forms.DateField(
        label=gettext_lazy("Valid from"),
        label_suffix="",
        required=False,
        input_formats=["%Y-%m-%d"],
        help_text=gettext_lazy("Empty: for all days so far."),
        error_messages={"invalid": gettext_lazy("Enter a day, such as 2026-12-31.")},
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )

    def __init__(self, *arguments: object, currency: str = "", **keywords: object) -> None:
        """Take the currency of the cost: an amount may name it, and no other."""
        super().__init__(*arguments, **keywords)  # type: ignore[arg-type]  # Django's own
        self._currency = currency

    def clean_unit_cost(self) -> Decimal:
        """Read the amount, with a decimal point or a decimal comma."""
        text = self.cleaned_data["unit_cost"]
        found = read_amounts({0: text})
        if isinstance(found, Unreadable):
            raise forms.ValidationError(_AMBIGUOUS if found.reason == "ambiguous" else _NO_AMOUNT)
        try:
            check_cost(found[0])
            check_written_currency(text, self._currency)
        except CostRefusedError as refusal:
            raise forms.ValidationError(translated_error(refusal)) from None
        return found[0]

    def clean_valid_from(self) -> date:
        """Return the day; the beginning if there is none."""
        day: date = self.cleaned_data["valid_from"] or BEGINNING
        try:
            check_day(day)
        except CostRefusedError as refusal:
            raise forms.ValidationError(translated_error(refusal)) from None
        return day


class CostPeriodForm(forms.Form):
    """A stored period of a product's cost, to be deleted."""

    sku = forms.CharField(max_length=200, strip=False)
    marketplace = forms.CharField(max_length=40, required=False)
    currency = forms.CharField(max_length=3)
    valid_from = forms.DateField(input_formats=["%Y-%m-%d"])


class CostFileForm(forms.Form):
    """A CSV file of unit costs to check, or the changes to store."""

    file = forms.FileField(required=False)
    changes = forms.CharField(required=False, max_length=240_000, strip=False)

    @override
    def clean(self) -> dict[str, Any]:
        """Check that there is one of both."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not cleaned.get("file") and not cleaned.get("changes") and not self.errors:
            raise forms.ValidationError(gettext_lazy("Choose a CSV file."))
        return cleaned
