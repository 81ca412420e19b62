"""Store each mail address in its one spelling, lower case and ASCII, and refuse any other."""

from __future__ import annotations

from typing import Any

import django.db.models.functions.text
from django.db import migrations, models

from theseller.accounts.addresses import AddressError, canonical


def rewrite_addresses(apps: Any, schema_editor: Any) -> None:  # noqa: ANN401  # Django's own signature
    """Rewrite what can be rewritten. Raises AddressError with the ids of the accounts that a person must look at."""
    people = apps.get_model("accounts", "User").objects.using(schema_editor.connection.alias)
    stored = {row.id: row.email for row in people.all()}
    wanted = {person: _rewritten(email) for person, email in stored.items()}
    taken: dict[str, list[str]] = {}
    for person, email in wanted.items():
        taken.setdefault(email or f"none of {person}", []).append(str(person))
    unusable = sorted(str(person) for person, email in wanted.items() if not email)
    colliding = sorted(", ".join(sorted(same)) for same in taken.values() if len(same) > 1)
    if unusable or colliding:
        raise AddressError(_advice(unusable, colliding))
    for person, email in wanted.items():
        if email != stored[person]:
            people.filter(id=person).update(email=email)


def _rewritten(email: str) -> str:
    local, at, domain = email.rpartition("@")
    try:
        # A domain with other letters has an ASCII form that mail uses; a local part has none.
        return canonical(f"{local}{at}{domain.encode('idna').decode()}")
    except (AddressError, UnicodeError):
        return ""


def _advice(unusable: list[str], colliding: list[str]) -> str:
    problems = [f"Accounts whose address is not plain ASCII: {', '.join(unusable)}."] if unusable else []
    problems += [f"Accounts that would share one address: {'; '.join(colliding)}."] if colliding else []
    return (
        f"Mail addresses get one spelling, lower case and ASCII, and some can't be rewritten. {' '.join(problems)} No address was"
        " changed. Give each of these accounts another address in the column `email` of the table `accounts_user`, as the database's"
        " administrator, and run `theseller migrate` again"
    )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_second_factors")]

    operations = [
        migrations.RunPython(rewrite_addresses, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("email", django.db.models.functions.text.Lower("email")), ("email__regex", "^[!-~]+$")),
                name="accounts_user_email_canonical",
            ),
        ),
    ]
