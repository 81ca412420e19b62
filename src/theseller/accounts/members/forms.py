"""Forms for inviting people to a shop and for changing their roles."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy
from typing_extensions import override

from theseller.accounts.members.marketplace_limits import checked_marketplaces
from theseller.accounts.members.types import MembershipRefusedError
from theseller.accounts.types import MemberRole
from theseller.edge.translate_marked_texts import translated_error
from theseller.lib.marketplaces import MARKETPLACES

#: Each role with what it may do, from the one that may do least.
ROLE_CHOICES = (
    (MemberRole.VIEWER.value, gettext_lazy("Viewer: sees figures")),
    (MemberRole.ACCOUNTANT.value, gettext_lazy("Accountant: also downloads figures as CSV")),
    (
        MemberRole.ANALYST.value,
        gettext_lazy("Analyst: also imports files, enters costs and prints packing slips"),
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
    """Whether a member sees all marketplaces or only some, and which.

    Removing the last tick alone does not open all of them.
    """

    scope = forms.ChoiceField(
        label=gettext_lazy("Which marketplaces"),
        label_suffix="",
        required=False,
        choices=(
            ("all", gettext_lazy("All marketplaces, also those that are added later")),
            ("some", gettext_lazy("Only these:")),
        ),
    )
    marketplaces = forms.MultipleChoiceField(
        label=gettext_lazy("Marketplaces"),
        label_suffix="",
        required=False,
        choices=MARKETPLACE_CHOICES,
        error_messages={"invalid_choice": gettext_lazy("Choose marketplaces of the list.")},
    )

    @override
    def clean(self) -> dict[str, Any]:
        """Check that the choice is clear: all, or some that are named."""
        cleaned: dict[str, Any] = super().clean() or {}
        scope, chosen = cleaned.get("scope"), cleaned.get("marketplaces")
        if scope == "some" and chosen == []:
            self.add_error("marketplaces", gettext_lazy("Choose at least one marketplace, or all."))
        elif scope == "all" and chosen:
            self.add_error(
                "marketplaces",
                gettext_lazy("Choose “Only these”, or remove the marks of single marketplaces."),
            )
        return cleaned


class InviteForm(RoleForm, MarketplacesForm):
    """The address, the role and the marketplaces of a person to invite."""

    email = forms.CharField(
        label=gettext_lazy("Email"),
        label_suffix="",
        max_length=254,
        error_messages={"required": gettext_lazy("Enter the person’s email address.")},
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    field_order = ("email", "role", "scope", "marketplaces")

    @override
    def clean(self) -> dict[str, Any]:
        """Check that no owner is limited."""
        cleaned = super().clean()
        if "role" in cleaned and "marketplaces" in cleaned:
            try:
                checked_marketplaces(cleaned["marketplaces"], MemberRole(cleaned["role"]))
            except MembershipRefusedError as refusal:
                self.add_error("marketplaces", translated_error(refusal))
        return cleaned
