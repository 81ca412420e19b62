"""Ask a new member for a name and a password."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from theseller.accounts.forms import ChosenPasswordForm


class JoinForm(ChosenPasswordForm):
    """The name and the password of a new account."""

    name = forms.CharField(
        label=gettext_lazy("Your name"),
        label_suffix="",
        max_length=200,
        help_text=gettext_lazy("Other members of the shop see it."),
        error_messages={"required": gettext_lazy("Enter your name.")},
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    field_order: tuple[str, ...] = ("name", "new", "again")

    # whatever Django's forms take
    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, email=email, name="", **kwargs)

    def clean_name(self) -> str:
        """Return the name on one line; the password must not be mostly this name."""
        name = " ".join(str(self.cleaned_data["name"]).split())
        self._words = (*self._words, *name.casefold().split())
        return name
