"""Forms to request a link, and to open a shop with it."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy

from theseller.accounts.members.join_form import JoinForm
from theseller.accounts.members.shop_name_and_email_checks import NAME_LENGTH_MAX
from theseller.accounts.password_reset.forms import ResetForm


def _shop_name() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Name of the shop"),
        label_suffix="",
        max_length=NAME_LENGTH_MAX,
        help_text=gettext_lazy("Members see it above their figures."),
        error_messages={"required": gettext_lazy("Enter a name for the shop.")},
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )


class SignUpForm(ResetForm):
    """The address to verify, in its canonical form."""


class ShopForm(forms.Form):
    """The name of a shop of a person who has an account."""

    shop = _shop_name()


class NewOwnerForm(JoinForm):
    """The name of a shop, and name and password of its first owner."""

    shop = _shop_name()
    field_order = ("shop", "name", "new", "again")
