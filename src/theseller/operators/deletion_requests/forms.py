"""What an operator says when Amazon asks for a deletion."""

from __future__ import annotations

from datetime import UTC, date, datetime

from django import forms


class AmazonRequestForm(forms.Form):
    """The seller, Amazon's case, and the day on which it came."""

    seller = forms.CharField(
        label="Seller id",
        label_suffix="",
        max_length=64,
        help_text="As Amazon's message names it: capital letters and digits.",
        error_messages={"required": "Give the seller id from Amazon's message."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    reference = forms.CharField(
        label="Amazon's case",
        label_suffix="",
        max_length=60,
        help_text="Its number, so that the certificate can be sent to the right place.",
        error_messages={"required": "Give the number of Amazon's case."},
    )
    received = forms.DateField(
        label="Received on",
        label_suffix="",
        help_text="The day of the message, UTC. The 30 days run from its beginning.",
        error_messages={"required": "Give the day on which the message came.", "invalid": "Give a day, such as 2026-11-20."},
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    confirm = forms.BooleanField(
        label="I have checked the seller id: this ends the connection and erases everything of this seller, and can't be undone",
        label_suffix="",
        error_messages={"required": "Say that you have checked the seller id."},
    )

    def received_at(self) -> datetime:
        """Return the beginning of the day that was given."""
        day: date = self.cleaned_data["received"]
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
