"""Confirmation form of the deletion of a shop or an account."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class DeletionForm(forms.Form):
    """A word to type, and the person's password: deletion is irreversible."""

    confirm = forms.RegexField(
        regex=r"\ADELETE\Z",
        label=_("Type DELETE to confirm"),
        label_suffix="",
        error_messages={
            "required": _("Type DELETE, in capital letters."),
            "invalid": _("Type DELETE, in capital letters."),
        },
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    password = forms.CharField(
        label=_("Your password"),
        label_suffix="",
        strip=False,
        error_messages={"required": _("Enter your password.")},
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
