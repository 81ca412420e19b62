"""Forms: choose features and store; confirm a disconnection."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from theseller.connections.requested_roles import offered_features
from theseller.lib.marketplaces import MARKETPLACES, Region

#: Display names of the regions that Amazon authorizes.
REGION_NAMES = {
    Region.NA: gettext_noop("North and South America"),
    Region.EU: gettext_noop("Europe, Middle East, Africa, India"),
    Region.FE: gettext_noop("Asia-Pacific"),
}


def _stores() -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        (
            _(REGION_NAMES[region]),
            [(m.id, m.sales_channel) for m in MARKETPLACES.values() if m.region is region],
        )
        for region in (Region.NA, Region.EU, Region.FE)
    ]


class ChoiceForm(forms.Form):
    """The features to use, and the store that the seller signs in to."""

    features = forms.MultipleChoiceField(
        choices=lambda: [(one.key, one.title) for one in offered_features().values()],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Select at least one feature.")},
    )
    marketplace = forms.ChoiceField(
        label=gettext_lazy("Your Amazon store"),
        label_suffix="",
        choices=_stores,
        initial="ATVPDKIKX0DER",
    )


class DisconnectForm(forms.Form):
    """A typed confirmation, so that no single click erases data."""

    confirm = forms.CharField(
        label=gettext_lazy("Type DISCONNECT to confirm"),
        label_suffix="",
        max_length=20,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )

    def clean_confirm(self) -> str:
        """Return what was typed; accept DISCONNECT in any case.

        Raises:
            ValidationError: another word was typed.
        """
        word = str(self.cleaned_data["confirm"])
        if word.strip().upper() != "DISCONNECT":
            raise forms.ValidationError(
                _("Type the word DISCONNECT to continue. Nothing has been changed.")
            )
        return word
