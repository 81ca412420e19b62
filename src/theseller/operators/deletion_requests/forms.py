"""Form of a deletion request from Amazon."""

from __future__ import annotations

from datetime import UTC, date, datetime

from django import forms
from django.utils.translation import gettext_lazy as _


class AmazonRequestForm(forms.Form):
    """The seller, Amazon's case, and the day on which it came."""

    seller = forms.CharField(
        label=_("Seller ID"),
        label_suffix="",
        max_length=64,
        help_text=_("As in Amazon's message: capital letters and digits."),
        error_messages={"required": _("Enter the seller ID from Amazon's message.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    reference = forms.CharField(
        label=_("Amazon case number"),
        label_suffix="",
        max_length=60,
        help_text=_("Needed to send the certificate to Amazon."),
        error_messages={"required": _("Enter Amazon's case number.")},
    )
    received = forms.DateField(
        label=_("Received on"),
        label_suffix="",
        help_text=_("The date of the message (UTC). The 30 days start at its beginning."),
        error_messages={
            "required": _("Enter the date of the message."),
            "invalid": _("Enter a date, such as 2026-11-20."),
        },
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    confirm = forms.BooleanField(
        label=(
            _(
                "I have checked the seller ID. This disconnects the seller and erases all of their"
                " data, and can't be undone"
            )
        ),
        label_suffix="",
        error_messages={"required": _("Confirm that you have checked the seller ID.")},
    )

    def received_at(self) -> datetime:
        """Return the beginning of the day that was given."""
        day: date = self.cleaned_data["received"]
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
