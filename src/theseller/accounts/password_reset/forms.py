"""The form for a request of a new password."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy

from theseller.accounts.addresses import AddressError, canonical


class ResetForm(forms.Form):
    """The email address of an account, in its canonical form."""

    email = forms.EmailField(
        label=gettext_lazy("Email"),
        label_suffix="",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )

    def clean_email(self) -> str:
        """Return the address in its canonical form."""
        try:
            return canonical(self.cleaned_data["email"])
        except AddressError as error:
            raise forms.ValidationError(str(error)) from None
