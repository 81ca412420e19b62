"""Forms of access sessions and access reviews."""

from __future__ import annotations

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from theseller.operators.shop_access.types import (
    REASON_LENGTH_MAX,
    REASON_LENGTH_MIN,
    SESSION_LENGTH_MAX,
    LogPosition,
)

_MINUTES_MAX = int(SESSION_LENGTH_MAX.total_seconds() // 60)


class OpenSessionForm(forms.Form):
    """Shop, ticket, reason and duration of an access session."""

    shop = forms.UUIDField(
        label=_("Shop ID"),
        label_suffix="",
        help_text=_("The seller finds it on the shop's support access log page."),
        error_messages={
            "required": _("Enter the shop ID."),
            "invalid": (
                _(
                    "This is not a shop ID. It has 36 characters, as shown on the shop's support"
                    " access log page."
                )
            ),
        },
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    ticket = forms.CharField(
        label=_("Ticket"),
        label_suffix="",
        max_length=60,
        help_text=_("Such as SUP-1234."),
        error_messages={"required": _("Enter the ticket of the seller's request.")},
    )
    reason = forms.CharField(
        label=_("Reason"),
        label_suffix="",
        min_length=REASON_LENGTH_MIN,
        max_length=REASON_LENGTH_MAX,
        error_messages={"required": _("Enter the reason for the access.")},
        help_text=format_lazy(
            _("At least {length} characters. The shop's owner and the reviewer can read it."),
            length=REASON_LENGTH_MIN,
        ),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    minutes = forms.IntegerField(
        label=_("Minutes"),
        label_suffix="",
        min_value=1,
        max_value=_MINUTES_MAX,
        initial=30,
        help_text=format_lazy(_("{minutes} at most."), minutes=_MINUTES_MAX),
    )


class ReviewForm(forms.Form):
    """A note, and the position in the log up to which events were shown."""

    until = forms.RegexField(regex=r"\A\d{1,18}:\d{1,18}\Z", widget=forms.HiddenInput)
    note = forms.CharField(
        label=_("What you reviewed and what you found"),
        label_suffix="",
        max_length=2000,
        error_messages={"required": _("Describe what you reviewed and what you found.")},
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def position(self) -> LogPosition:
        """Return the position of the last event that was shown."""
        txid, position = self.cleaned_data["until"].split(":")
        return int(txid), int(position)
