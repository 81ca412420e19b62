"""The sign-in form."""

from __future__ import annotations

from django import forms


class SignInForm(forms.Form):
    """Mail address and password."""

    email = forms.EmailField(
        label="Email", label_suffix="", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
    )
    password = forms.CharField(
        label="Password",
        label_suffix="",
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
