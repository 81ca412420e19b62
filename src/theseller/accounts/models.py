"""People and their membership of tenants."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower

from theseller.accounts.addresses import canonical_or_empty
from theseller.lib.ids import new_id


class UserManager(BaseUserManager["User"]):
    """Find people by mail address, in any case."""

    def get_by_natural_key(self, username: str | None) -> User:
        """Return the user with this email address, in any case."""
        return self.get(email=canonical_or_empty(username or ""))


class User(AbstractBaseUser):
    """A person who signs in: a seller, their colleague or an operator.

    Never a buyer.
    """

    id = models.UUIDField(primary_key=True, default=new_id)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200)
    joined_at = models.DateTimeField()
    #: The language of pages and mails; "" is the one that the browser asks for.
    language = models.CharField(max_length=10, blank=True, default="", db_default="")

    # Django's own signature
    def _get_session_auth_hash(self, secret: str | None = None) -> str:  # noqa: ARG002
        """Return the hash that ends a person's sessions when it changes.

        It changes with their password. It is not keyed by the session key: Django would give a
        session a new cookie at its first request after that key was replaced, and sign out the
        requests beside it. The hash is only in session data, which is signed by that key already.
        """
        # a label, not a secret
        return str(
            super()._get_session_auth_hash(secret="session")  # type: ignore[misc]  # noqa: S106
        )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]
    objects = UserManager()

    class Meta:
        """Constraints: each address has one canonical form."""

        constraints = [
            models.UniqueConstraint(Lower("email"), name="accounts_user_email_any_case"),
            # One spelling for each address (`accounts.addresses`).
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")) & models.Q(email__regex=r"^[!-~]+$"),
                name="accounts_user_email_canonical",
            ),
        ]


class Membership(models.Model):
    """A person's membership of a tenant.

    `marketplaces` limits what they see of it; null is no limit.
    """

    pk = models.CompositePrimaryKey("tenant_id", "user_id")
    tenant_id = models.UUIDField()
    user_id = models.UUIDField()
    role = models.TextField()
    since = models.DateTimeField()
    marketplaces = ArrayField(models.TextField(), null=True)

    class Meta:
        """Options: the table is created by SQL, not by Django."""

        managed = False
        db_table = "accounts_membership"


class Operator(models.Model):
    """A person who operates this deployment.

    `sql/second_factors.sql` defines this table and those that follow.
    """

    user_id = models.UUIDField(primary_key=True)
    since = models.DateTimeField()
    granted_by = models.TextField()

    class Meta:
        """Options: the table is created by SQL, not by Django."""

        managed = False
        db_table = "accounts_operator"


class Authenticator(models.Model):
    """A person's authenticator app. Its secret is sealed to this row."""

    id = models.UUIDField(primary_key=True)
    user_id = models.UUIDField()
    sealed = models.BinaryField()
    data_key_id = models.UUIDField()
    last_step = models.BigIntegerField(default=0)
    added_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        """Options: the table is created by SQL, not by Django."""

        managed = False
        db_table = "accounts_authenticator"


class Passkey(models.Model):
    """The public half of a passkey."""

    id = models.UUIDField(primary_key=True)
    user_id = models.UUIDField()
    credential_id = models.BinaryField()
    credential = models.BinaryField()
    sign_count = models.BigIntegerField()
    name = models.TextField()
    added_at = models.DateTimeField()
    answered = models.DateTimeField()

    class Meta:
        """Options: the table is created by SQL, not by Django."""

        managed = False
        db_table = "accounts_passkey"


class RecoveryCode(models.Model):
    """One recovery code, by its hash."""

    pk = models.CompositePrimaryKey("set_id", "code_hash")
    set_id = models.UUIDField()
    code_hash = models.BinaryField()
    user_id = models.UUIDField()
    made_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        """Options: the table is created by SQL, not by Django."""

        managed = False
        db_table = "accounts_recovery_code"


class Invitation(models.Model):
    """An invitation of an address to a tenant, with the hash of its link.

    `sql/one_time_links.sql` defines this table and the next.
    """

    pk = models.CompositePrimaryKey("tenant_id", "id")
    tenant_id = models.UUIDField()
    id = models.UUIDField()
    token_hash = models.BinaryField()
    email = models.TextField()
    role = models.TextField()
    user_id = models.UUIDField(null=True)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    marketplaces = ArrayField(models.TextField(), null=True)

    class Meta:
        """Options: the table is created by SQL, not by Django."""

        managed = False
        db_table = "accounts_invitation"


class PasswordLink(models.Model):
    """A link with which a person chooses a new password, by its hash."""

    token_hash = models.BinaryField(primary_key=True)
    user_id = models.UUIDField()
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        """Options: the table is created by SQL, not by Django."""

        managed = False
        db_table = "accounts_password_link"


class PasswordRequest(models.Model):
    """A person's request for a new password, which an operator answers."""

    user_id = models.UUIDField(primary_key=True)
    requested_at = models.DateTimeField()

    class Meta:
        """Options: `sql/password_requests.sql` creates the table."""

        managed = False
        db_table = "accounts_password_request"


class SignUp(models.Model):
    """A request of an address to open a shop, with the hash of its link."""

    id = models.UUIDField(primary_key=True)
    token_hash = models.BinaryField()
    email = models.TextField()
    user_id = models.UUIDField(null=True)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        """Options: `sql/sign_up.sql` creates the table."""

        managed = False
        db_table = "accounts_sign_up"


class OidcIdentity(models.Model):
    """An account at the identity provider that is linked to a person's."""

    id = models.UUIDField(primary_key=True)
    user_id = models.UUIDField()
    issuer = models.TextField()
    subject = models.TextField()
    linked_at = models.DateTimeField()

    class Meta:
        """Options: `sql/oidc_identity.sql` creates the table."""

        managed = False
        db_table = "accounts_oidc_identity"
