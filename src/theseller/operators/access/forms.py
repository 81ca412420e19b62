"""What an operator says before a shop opens, and after a review."""

from __future__ import annotations

from django import forms

from theseller.operators.access.types import REASON_LENGTH_MAX, REASON_LENGTH_MIN, SESSION_LENGTH_MAX, LogPosition

_MINUTES_MAX = int(SESSION_LENGTH_MAX.total_seconds() // 60)


class OpenSessionForm(forms.Form):
    """One shop, a reason, a ticket, a time."""

    shop = forms.UUIDField(
        label="Shop number",
        label_suffix="",
        help_text="The seller finds it on the Activity page of the shop and gives it to you.",
        error_messages={
            "required": "Give the shop ID.",
            "invalid": "This is no shop number: it has 36 characters, as on the shop's Activity page.",
        },
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    ticket = forms.CharField(
        label="Ticket",
        label_suffix="",
        max_length=60,
        help_text="Such as SUP-1234.",
        error_messages={"required": "Name the ticket in which the seller asked."},
    )
    reason = forms.CharField(
        label="Reason",
        label_suffix="",
        min_length=REASON_LENGTH_MIN,
        max_length=REASON_LENGTH_MAX,
        error_messages={"required": "Say why you need to look."},
        help_text=f"At least {REASON_LENGTH_MIN} characters. The owner of the shop reads it, and so does whoever reviews.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    minutes = forms.IntegerField(
        label="Minutes", label_suffix="", min_value=1, max_value=_MINUTES_MAX, initial=30, help_text=f"{_MINUTES_MAX} at most."
    )


class ReviewForm(forms.Form):
    """A note, and how far the list went that was on the page."""

    until = forms.RegexField(regex=r"\A\d{1,18}:\d{1,18}\Z", widget=forms.HiddenInput)
    note = forms.CharField(
        label="What you looked at and what you found",
        label_suffix="",
        max_length=2000,
        error_messages={"required": "Say in a sentence what you looked at and what you found."},
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def position(self) -> LogPosition:
        """Return how far the reviewer saw."""
        txid, position = self.cleaned_data["until"].split(":")
        return int(txid), int(position)
