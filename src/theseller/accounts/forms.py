"""Forms for signing in and for a new password."""

from __future__ import annotations

from typing import Any

from django import forms

from theseller.accounts.addresses import AddressError, canonical
from theseller.accounts.models import User

#: NIST SP 800-63B asks for 15 characters where a password is the only factor, and for no rules
#: about kinds of characters.
PASSWORD_LENGTH_MIN = 15
_COMMON = ("password", "123456789", "qwertz", "qwerty", "theseller", "letmein", "administrator")


class SignInForm(forms.Form):
    """Take an email address, in its canonical form, and a password."""

    email = forms.EmailField(
        label="Email",
        label_suffix="",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label="Password",
        label_suffix="",
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def clean_email(self) -> str:
        """Return the address in its canonical form."""
        try:
            return canonical(self.cleaned_data["email"])
        except AddressError as error:
            raise forms.ValidationError(str(error)) from None


def _password(
    label: str, autocomplete: str, *, missing: str, help_text: str = ""
) -> forms.CharField:
    return forms.CharField(
        label=label,
        label_suffix="",
        max_length=1000,
        strip=False,
        help_text=help_text,
        error_messages={"required": missing},
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
    )


class NewPasswordForm(forms.Form):
    """The current password, and a new one twice.

    It must be long; no kinds of characters are required (NIST SP 800-63B).
    """

    current = _password(
        "Current password", "current-password", missing="Enter your current password."
    )
    new = _password(
        "New password",
        "new-password",
        missing="Enter a new password.",
        help_text=(
            f"At least {PASSWORD_LENGTH_MIN} characters. Four or five words that don’t belong"
            " together are good."
        ),
    )
    again = _password(
        "Repeat the new password", "new-password", missing="Enter the new password again."
    )

    # whatever Django's forms take
    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._person = person

    def clean_current(self) -> str:
        """Check that it is the person's password."""
        current: str = self.cleaned_data["current"]
        if not self._person.check_password(current):
            raise forms.ValidationError("This is not your password. Nothing was changed.")
        return current

    def clean_new(self) -> str:
        """Refuse passwords that are short or easily guessed."""
        new: str = self.cleaned_data["new"]
        plain = new.casefold()
        own = [
            word
            for word in (
                *self._person.email.casefold().split("@"),
                *self._person.name.casefold().split(),
            )
            if len(word) > 3
        ]
        if len(new) < PASSWORD_LENGTH_MIN:
            raise forms.ValidationError(
                f"This has {len(new)} characters; it needs {PASSWORD_LENGTH_MIN} or more."
            )
        if len(set(plain)) < 6:
            raise forms.ValidationError(
                "This repeats a few characters. Choose a different password."
            )
        for word in (*_COMMON, *own):
            if word in plain and len(plain) - len(word) < PASSWORD_LENGTH_MIN - 4:
                raise forms.ValidationError(
                    "This is mostly a common word, your name or your address. Choose a different"
                    " password."
                )
        return new

    def clean(self) -> dict[str, Any]:
        """Check that both new passwords are the same, and not the current one."""
        given = super().clean() or {}
        new = given.get("new")
        if new is not None and given.get("again") is not None and new != given["again"]:
            self.add_error("again", "The two are not the same. Enter the new password again.")
        if new is not None and new == given.get("current"):
            self.add_error("new", "This is your current password. Choose another one.")
        return given
