"""Forms of second factors."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class CodeForm(forms.Form):
    """A code of an app, or a recovery code."""

    code = forms.CharField(
        label=_("Code"),
        label_suffix="",
        max_length=60,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
                "class": "code",
            }
        ),
    )

    # whatever Django's forms take
    def __init__(self, *args: Any, help_text: str, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text = help_text


class PasswordForm(forms.Form):
    """The password again, from a person who has no second factor yet."""

    password = forms.CharField(
        label=_("Password"),
        label_suffix="",
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )


class PasskeyForm(forms.Form):
    """A new passkey: its name, and the browser's response."""

    name = forms.CharField(
        label=_("Name"),
        label_suffix="",
        max_length=60,
        help_text=_("A name to recognize it by, such as “Laptop” or “Security key”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    answer = forms.CharField(
        max_length=16_384, widget=forms.HiddenInput(attrs={"data-passkey-answer": True})
    )
