"""Password check with the same cost for a known and an unknown address."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from theseller.accounts.addresses import canonical_or_empty
from theseller.accounts.models import User


class PasswordBackend(BaseBackend):
    """Finds a person by mail address and checks the password."""

    def authenticate(  # type: ignore[override]
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None
    ) -> User | None:
        """Return the user if address and password match; else None.

        An unknown address takes as long as a wrong password.
        """
        del request  # Django passes it; the result depends on address and password alone.
        if not username or password is None:
            return None
        user = User.objects.filter(email=canonical_or_empty(username)).first()
        if user is None:
            # The same work as a check, so that the time does not show whether the address exists.
            make_password(password)
            return None
        return user if user.check_password(password) else None

    def get_user(self, user_id: UUID) -> User | None:
        """Return the user with this id; None if there is none."""
        return User.objects.filter(pk=user_id).first()
