"""Confirmation form of the deletion of a shop or an account."""

from __future__ import annotations

from django import forms


class DeletionForm(forms.Form):
    """A word to type, and the person's password: deletion is irreversible."""

    confirm = forms.RegexField(
        regex=r"\ADELETE\Z",
        label="Type DELETE to confirm",
        label_suffix="",
        error_messages={
            "required": "Type DELETE, in capital letters.",
            "invalid": "Type DELETE, in capital letters.",
        },
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    password = forms.CharField(
        label="Your password",
        label_suffix="",
        strip=False,
        error_messages={"required": "Enter your password."},
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
