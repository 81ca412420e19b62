"""Forms for inviting people to a shop and for changing their roles."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy

from theseller.accounts.types import MemberRole
from theseller.lib.marketplaces import MARKETPLACES

#: Each role with what it may do, from the one that may do least.
ROLE_CHOICES = (
    (MemberRole.VIEWER.value, gettext_lazy("Viewer: sees figures")),
    (MemberRole.ACCOUNTANT.value, gettext_lazy("Accountant: also downloads figures as CSV")),
    (
        MemberRole.ANALYST.value,
        gettext_lazy("Analyst: also imports files and prints packing slips"),
    ),
    (MemberRole.OWNER.value, gettext_lazy("Owner: also manages members, connections and deletion")),
)

MARKETPLACE_CHOICES = tuple(
    sorted(((one.id, one.sales_channel) for one in MARKETPLACES.values()), key=lambda one: one[1])
)


class RoleForm(forms.Form):
    """The role of a member."""

    role = forms.ChoiceField(label=gettext_lazy("Role"), label_suffix="", choices=ROLE_CHOICES)


class MarketplacesForm(forms.Form):
    """The marketplaces that a member is limited to; none for no limit."""

    marketplaces = forms.MultipleChoiceField(
        label=gettext_lazy("Marketplaces"),
        label_suffix="",
        required=False,
        choices=MARKETPLACE_CHOICES,
        error_messages={"invalid_choice": gettext_lazy("Choose marketplaces of the list.")},
    )


class InviteForm(RoleForm, MarketplacesForm):
    """The address, the role and the marketplaces of a person to invite."""

    email = forms.CharField(
        label=gettext_lazy("Email"),
        label_suffix="",
        max_length=254,
        error_messages={"required": gettext_lazy("Enter the person’s email address.")},
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    field_order = ("email", "role", "marketplaces")
