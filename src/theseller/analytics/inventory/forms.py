"""Forms of what a seller enters about ordering."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy

from theseller.analytics.inventory.types import LIMITS, REPLENISHMENT_FIELDS, Replenishment

_LABELS = {
    "lead_time_days": gettext_lazy("Lead time (days)"),
    "safety_days": gettext_lazy("Safety (days)"),
    "target_cover_days": gettext_lazy("Target cover (days)"),
    "carton_size": gettext_lazy("Carton size (units)"),
    "minimum_quantity": gettext_lazy("Minimum quantity (units)"),
}


def _number(name: str) -> forms.IntegerField:
    least, most = LIMITS[name]
    return forms.IntegerField(
        label=_LABELS[name],
        label_suffix="",
        required=False,
        min_value=least,
        max_value=most,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "class": "input"}),
    )


class ReplenishmentForm(forms.Form):
    """What is entered for one product; a blank field has the shop's default."""

    sku = forms.CharField(widget=forms.HiddenInput, max_length=200)
    lead_time_days = _number("lead_time_days")
    safety_days = _number("safety_days")
    target_cover_days = _number("target_cover_days")
    carton_size = _number("carton_size")
    minimum_quantity = _number("minimum_quantity")

    def inputs(self) -> Replenishment:
        """Return what was entered, once the form is valid."""
        return Replenishment(*(self.cleaned_data[name] for name in REPLENISHMENT_FIELDS))


class DefaultForm(ReplenishmentForm):
    """The shop's default, whose times are required."""

    sku = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *arguments: object, **keywords: object) -> None:
        """Require lead time, safety days and target cover."""
        super().__init__(*arguments, **keywords)  # type: ignore[arg-type]  # Django's own
        for name in ("lead_time_days", "safety_days", "target_cover_days"):
            self.fields[name].required = True
