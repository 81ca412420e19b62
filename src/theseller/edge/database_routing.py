"""Choose the database connection for accounts and for the operator area.

The web process signs in to PostgreSQL by several roles: its own for tenant rows, `auth` for
accounts, sessions, second factors and rate limits, `operator` for what operators see across
tenants. Other processes have one role and use `default`.
"""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.models import Model

_AUTH, _OPERATOR = "auth", "operator"
_WEB_ROLE = "theseller_web"
#: Models that the web reaches as `auth` only, in lower case.
_ACCOUNT_MODELS = frozenset({
    "accounts.authenticator", "accounts.invitation", "accounts.membership",
    "accounts.oidcidentity", "accounts.operator",
    "accounts.passkey", "accounts.passwordlink", "accounts.passwordrequest",
    "accounts.recoverycode", "accounts.signup", "accounts.user",
    "edge.ratebucket", "sessions.session",
})  # fmt: skip


def accounts_database() -> str:
    """Return the alias for accounts, sessions, second factors and rate limits."""
    return _alias(_AUTH)


def operators_database() -> str:
    """Return the alias for what operators see across tenants."""
    return _alias(_OPERATOR)


class AccountsRouter:
    """Route account models to their own connection unless `using` is given."""

    # Django's own signature
    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:  # noqa: ANN401
        """Return the alias for an account model; None leaves the default."""
        del hints
        # Django's public name for it
        label = model._meta.label_lower  # noqa: SLF001
        return accounts_database() if label in _ACCOUNT_MODELS else None

    db_for_write = db_for_read

    # Django's own signature
    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:  # noqa: ANN401
        """Allow migrations on `default` only.

        All other aliases are roles in the same database and own nothing in it.
        """
        del app_label, hints
        return db == "default"


def _alias(role: str) -> str:
    # By the role of `default`, not by the process's name: a test may act as another process.
    served = connections["default"].settings_dict.get("USER") == _WEB_ROLE
    return role if served and role in connections.settings else "default"
