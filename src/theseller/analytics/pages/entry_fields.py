"""Form fields for what a seller enters: amounts and days."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from django import forms
from django.utils.translation import gettext_lazy

from theseller.analytics.profit.written_numbers import Unreadable, read_amounts

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_AMBIGUOUS = gettext_lazy(
    "This may be a thousand or a decimal. Write it with two decimals, such as 1.50."
)
_NO_AMOUNT = gettext_lazy("Enter an amount, such as 1.50.")
_NO_DAY = gettext_lazy("Enter a day, such as 2026-12-31.")


def amount_field(label: StrOrPromise) -> forms.CharField:
    """Return a field for an amount, which `read_amount` reads."""
    return forms.CharField(
        label=label,
        label_suffix="",
        max_length=40,
        error_messages={"required": _NO_AMOUNT},
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )


def read_amount(text: str) -> Decimal:
    """Read an amount with a decimal point or a decimal comma.

    Raises:
        ValidationError: it is none, or may be two.
    """
    found = read_amounts({0: text})
    if isinstance(found, Unreadable):
        raise forms.ValidationError(_AMBIGUOUS if found.reason == "ambiguous" else _NO_AMOUNT)
    return found[0]


def day_field(
    label: StrOrPromise, *, required: bool = True, help_text: StrOrPromise = ""
) -> forms.DateField:
    """Return a field for a day."""
    return forms.DateField(
        label=label,
        label_suffix="",
        required=required,
        input_formats=["%Y-%m-%d"],
        help_text=help_text,
        error_messages={"invalid": _NO_DAY, "required": _NO_DAY},
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
