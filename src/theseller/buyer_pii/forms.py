"""Forms of the packing slip pages."""

from __future__ import annotations

import re

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from theseller.buyer_pii.operations import MAX_SLIPS_PER_REQUEST
from theseller.buyer_pii.packing_slip_agreement_terms import TERMS_VERSION

_ORDER = re.compile(r"[0-9A-Za-z-]{1,40}\Z")


class _Orders(forms.MultipleChoiceField):
    """Order numbers. The database decides whether they belong to the tenant."""

    def valid_value(self, value: str) -> bool:
        return _ORDER.match(value) is not None


class OrdersForm(forms.Form):
    """The selected orders."""

    order = _Orders(
        error_messages={
            "required": gettext_lazy("Select at least one order first."),
            "invalid_choice": gettext_lazy(
                "One of these is no order number. Reload the page and select again."
            ),
        }
    )

    def clean_order(self) -> tuple[str, ...]:
        """Return the selected orders once each, in the order of the form.

        Raises:
            ValidationError: more orders than one request may have.
        """
        chosen = tuple(dict.fromkeys(self.cleaned_data["order"]))
        if len(chosen) > MAX_SLIPS_PER_REQUEST:
            raise forms.ValidationError(
                _(
                    "You selected %(chosen)d orders; at most %(most)d go at once. Nothing was done:"
                    " deselect %(excess)d of them, and take those in a second go."
                )
                % {
                    "chosen": len(chosen),
                    "most": MAX_SLIPS_PER_REQUEST,
                    "excess": len(chosen) - MAX_SLIPS_PER_REQUEST,
                }
            )
        return chosen


class AgreeForm(forms.Form):
    """An owner's consent to the terms, in the version that was displayed."""

    terms = forms.CharField(widget=forms.HiddenInput, initial=TERMS_VERSION)
    agree = forms.BooleanField(
        label=gettext_lazy("I have read the terms and agree for this connection"),
        label_suffix="",
        error_messages={
            "required": gettext_lazy(
                "Check the box if you want this, or go back: nothing has been turned on."
            )
        },
    )

    def clean_terms(self) -> str:
        """Return the version of the terms.

        Raises:
            ValidationError: the form shows an older version than the present one.
        """
        if self.cleaned_data["terms"] != TERMS_VERSION:
            raise forms.ValidationError(
                _("The terms have changed since you opened this page. Read them, then decide.")
            )
        return TERMS_VERSION
