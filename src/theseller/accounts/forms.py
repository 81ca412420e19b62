"""Forms for signing in and for a new password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from theseller.accounts.addresses import AddressError, canonical
from theseller.accounts.models import User

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

#: NIST SP 800-63B asks for 15 characters where a password is the only factor, and for no rules
#: about kinds of characters.
PASSWORD_LENGTH_MIN = 15
_COMMON = ("password", "123456789", "qwertz", "qwerty", "theseller", "letmein", "administrator")


class SignInForm(forms.Form):
    """Take an email address, in its canonical form, and a password."""

    email = forms.EmailField(
        label=gettext_lazy("Email"),
        label_suffix="",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
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
    label: StrOrPromise,
    autocomplete: str,
    *,
    missing: StrOrPromise,
    help_text: StrOrPromise = "",
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


class ChosenPasswordForm(forms.Form):
    """A new password, twice.

    It must be long; no kinds of characters are required (NIST SP 800-63B).
    """

    new = _password(
        gettext_lazy("New password"),
        "new-password",
        missing=gettext_lazy("Enter a new password."),
        help_text=format_lazy(
            gettext_lazy(
                "At least {length} characters. Four or five words that don’t belong together are"
                " good."
            ),
            length=PASSWORD_LENGTH_MIN,
        ),
    )
    again = _password(
        gettext_lazy("Repeat the new password"),
        "new-password",
        missing=gettext_lazy("Enter the new password again."),
    )

    # whatever Django's forms take
    def __init__(self, *args: Any, email: str, name: str, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._words = (*email.casefold().split("@"), *name.casefold().split())

    def clean_new(self) -> str:
        """Refuse passwords that are short or easily guessed."""
        new: str = self.cleaned_data["new"]
        plain = new.casefold()
        if len(new) < PASSWORD_LENGTH_MIN:
            raise forms.ValidationError(
                _("This has %(length)d characters; it needs %(least)d or more.")
                % {"length": len(new), "least": PASSWORD_LENGTH_MIN}
            )
        if len(set(plain)) < 6:
            raise forms.ValidationError(
                _("This repeats a few characters. Choose a different password.")
            )
        for word in (*_COMMON, *(word for word in self._words if len(word) > 3)):
            if word in plain and len(plain) - len(word) < PASSWORD_LENGTH_MIN - 4:
                raise forms.ValidationError(
                    _(
                        "This is mostly a common word, your name or your address. Choose a"
                        " different password."
                    )
                )
        return new

    def clean(self) -> dict[str, Any]:
        """Check that both new passwords are the same."""
        given = super().clean() or {}
        new = given.get("new")
        if new is not None and given.get("again") is not None and new != given["again"]:
            self.add_error("again", _("The two are not the same. Enter the new password again."))
        return given


class LanguageForm(forms.Form):
    """The language of pages and mails; none is that of the browser."""

    language = forms.ChoiceField(required=False, choices=lambda: settings.LANGUAGES)


class NewPasswordForm(ChosenPasswordForm):
    """The current password, and a new one twice."""

    current = _password(
        gettext_lazy("Current password"),
        "current-password",
        missing=gettext_lazy("Enter your current password."),
    )
    field_order = ("current", "new", "again")

    # whatever Django's forms take
    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, email=person.email, name=person.name, **kwargs)
        self._person = person

    def clean_current(self) -> str:
        """Check that it is the person's password."""
        current: str = self.cleaned_data["current"]
        if not self._person.check_password(current):
            raise forms.ValidationError(_("This is not your password. Nothing was changed."))
        return current

    def clean(self) -> dict[str, Any]:
        """Check also that the new password is not the current one."""
        given = super().clean()
        new = given.get("new")
        if new is not None and new == given.get("current"):
            self.add_error("new", _("This is your current password. Choose another one."))
        return given
