"""Forms for a new shop and for its first owner."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy


class OwnerForm(forms.Form):
    """The address of a shop's first owner."""

    owner = forms.CharField(
        label=gettext_lazy("Email of the first owner"),
        label_suffix="",
        max_length=254,
        error_messages={"required": gettext_lazy("Enter the owner’s email address.")},
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )


class ShopForm(OwnerForm):
    """The name of a new shop, and its first owner."""

    name = forms.CharField(
        label=gettext_lazy("Name of the shop"),
        label_suffix="",
        max_length=200,
        error_messages={"required": gettext_lazy("Enter the shop’s name.")},
    )
    field_order = ("name", "owner")
