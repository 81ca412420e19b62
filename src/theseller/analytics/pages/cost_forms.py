"""Forms of unit costs."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy
from typing_extensions import override

from theseller.analytics.pages.entry_fields import amount_field, day_field, read_amount
from theseller.analytics.profit.types import BEGINNING, CostRefusedError
from theseller.analytics.profit.unit_cost_rules import (
    check_cost,
    check_day,
    check_written_currency,
)
from theseller.edge.translate_marked_texts import translated_error


class CostForm(forms.Form):
    """A unit cost, and the day from which it applies.

    Without a day it applies from the beginning.
    """

    sku = forms.CharField(max_length=200, strip=False, widget=forms.HiddenInput)
    unit_cost = amount_field(gettext_lazy("Unit cost"))
    valid_from = day_field(
        gettext_lazy("Valid from"),
        required=False,
        help_text=gettext_lazy("Empty: for all days so far."),
    )

    def __init__(self, *arguments: object, currency: str = "", **keywords: object) -> None:
        """Take the currency of the cost: an amount may name it, and no other."""
        super().__init__(*arguments, **keywords)  # type: ignore[arg-type]  # Django's own
        self._currency = currency

    def clean_unit_cost(self) -> Decimal:
        """Read the amount, with a decimal point or a decimal comma."""
        text = self.cleaned_data["unit_cost"]
        amount = read_amount(text)
        try:
            check_cost(amount)
            check_written_currency(text, self._currency)
        except CostRefusedError as refusal:
            raise forms.ValidationError(translated_error(refusal)) from None
        return amount

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
