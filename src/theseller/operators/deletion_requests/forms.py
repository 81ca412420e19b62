"""Form of a deletion request from Amazon."""

from __future__ import annotations

from datetime import UTC, date, datetime

from django import forms


class AmazonRequestForm(forms.Form):
    """The seller, Amazon's case, and the day on which it came."""

    seller = forms.CharField(
        label="Seller ID",
        label_suffix="",
        max_length=64,
        help_text="As in Amazon's message: capital letters and digits.",
        error_messages={"required": "Enter the seller ID from Amazon's message."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    reference = forms.CharField(
        label="Amazon case number",
        label_suffix="",
        max_length=60,
        help_text="Needed to send the certificate to Amazon.",
        error_messages={"required": "Enter Amazon's case number."},
    )
    received = forms.DateField(
        label="Received on",
        label_suffix="",
        help_text="The date of the message (UTC). The 30 days start at its beginning.",
        error_messages={
            "required": "Enter the date of the message.",
            "invalid": "Enter a date, such as 2026-11-20.",
        },
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    confirm = forms.BooleanField(
        label=(
            "I have checked the seller ID. This disconnects the seller and erases all of their"
            " data, and can't be undone"
        ),
        label_suffix="",
        error_messages={"required": "Confirm that you have checked the seller ID."},
    )

    def received_at(self) -> datetime:
        """Return the beginning of the day that was given."""
        day: date = self.cleaned_data["received"]
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
