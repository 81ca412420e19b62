"""Kills the deletion of a tenant, and of an account, before and after every statement.

Each time on new data, and has it continued.

Run with the name of an act, Django being ready; prints how many kills there were. One in four
boundaries; all with THESELLER_KILLS_STRIDE=1.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID

from tests.integration.erasure.kills import ACTOR, Boundaries, statements, superuser
from tests.integration.key_rotation.kills import forked

from theseller.accounts.session_store import SessionStore, stored_key
from theseller.erasure.certificate_verification import verify_certificate
from theseller.erasure.journal import journal
from theseller.erasure.queries import subject_certificate
from theseller.erasure.tenant_and_user_erasure import erase_tenant, erase_tenants_and_users
from theseller.erasure.tenant_erasure import TenantErasure, due_tenants
from theseller.erasure.types import SubjectKind
from theseller.erasure.user_erasure import count_user_rows
from theseller.lib import clock
from theseller.lib.ids import new_id


def _person(tenant: UUID) -> UUID:
    person = new_id()
    superuser(
        "insert into accounts_user (id, email, name, joined_at, password) values (%s, %s, 'Dora',"
        " now(), '!')",
        [person, f"{person}@x.example"],
    )
    superuser(
        "insert into accounts_membership (tenant_id, user_id, role, since) values (%s, %s,"
        " 'viewer', now())",
        [tenant, person],
    )
    superuser(
        "insert into accounts_recovery_code (set_id, code_hash, user_id, made_at) values"
        " (gen_random_uuid(), sha256(%s), %s, now())",
        [person.bytes, person],
    )
    superuser(
        "insert into connections_attempt (tenant_id, id, state_hash, session_hash, user_id,"
        " marketplace_id, features, roles, created_at, expires_at) values (%s, %s, sha256(%s),"
        " sha256(''), %s, 'x', array['sales'], array['x'], now(), now() + interval '1 hour')",
        [tenant, new_id(), person.bytes, person],
    )
    return person


def _session(person: UUID) -> None:
    content = SessionStore(session_key=person.hex).encode({"_auth_user_id": str(person)})
    superuser(
        "insert into django_session (session_key, session_data, expire_date) values (%s, %s, now()"
        " + interval '1 hour')",
        [stored_key(person.hex), content],
    )


def _shop_with_people() -> tuple[UUID, tuple[UUID, UUID]]:
    """Make a shop with two people that is due to end; one of them has a place elsewhere."""
    tenant, elsewhere = new_id(), new_id()
    for one in (tenant, elsewhere):
        superuser(
            "insert into tenancy_tenant (id, name, created_at) values (%s, 'A shop', now())", [one]
        )
    goes, stays = _person(tenant), _person(tenant)
    superuser(
        "insert into accounts_membership (tenant_id, user_id, role, since) values (%s, %s, 'owner',"
        " now())",
        [elsewhere, stays],
    )
    superuser(
        "insert into erasure_erasure (tenant_id, subject_id, kind, requested_at, requested_by)"
        " values (%s, %s, 'shop', %s, %s)",
        [tenant, tenant, clock.now() - timedelta(days=2), ACTOR],
    )
    _session(goes)
    return tenant, (goes, stays)


def _shop_killed(tenant: UUID, boundary: int) -> None:
    with statements(Boundaries(boundary)):
        erase_tenant(tenant=tenant, at=clock.now())


def _person_killed(boundary: int) -> None:
    with statements(Boundaries(boundary)):
        erase_tenants_and_users(tenants=(), at=clock.now())


def _check_records_of_a_shop(tenant: UUID, whole: int) -> None:
    """Check that nothing was deleted before the entry outside the database.

    No table is marked that has rows, and no certificate was issued over rows.
    """
    left = TenantErasure(tenant).count()
    if sum(left.values()) != whole:
        assert tenant in {entry.id for entry in journal().entries(SubjectKind.TENANT)}, (
            "rows went that no entry names"
        )
    ((marks, completed),) = superuser(
        "select steps_done, completed_at from erasure_erasure where subject_id = %s", [tenant]
    )
    assert not [table for table in marks if left.get(table, 0)], (
        "a table is marked as done and has rows"
    )
    issued = bool(superuser("select 1 from erasure_certificate where subject_id = %s", [tenant]))
    assert issued == (completed is not None), (
        "it is said to be complete without a certificate, or the other way round"
    )
    assert not issued or not any(left.values())


def _check_records_of_a_user(person: UUID, whole: int) -> None:
    left = sum(count_user_rows(person).values())
    if left != whole:
        assert person in {entry.id for entry in journal().entries(SubjectKind.USER)}, (
            "rows went that no entry names"
        )
    ((erased, completed),) = superuser(
        "select erased_at, completed_at from erasure_erasure where subject_id = %s", [person]
    )
    issued = bool(superuser("select 1 from erasure_certificate where subject_id = %s", [person]))
    assert issued == (completed is not None)
    assert not (erased or issued) or not left


def _check_shop_deleted(tenant: UUID, goes: UUID, stays: UUID) -> None:
    if tenant in due_tenants(at=clock.now()):
        result = erase_tenant(tenant=tenant, at=clock.now())
        assert result.completed, result.waiting or result.left
    assert not any(TenantErasure(tenant).count().values())
    assert not any(count_user_rows(goes).values())
    assert count_user_rows(stays)["accounts_user"] == 1
    issued = subject_certificate(tenant)
    assert issued is not None
    body = verify_certificate(issued[1]).body
    assert body["accounts"] == {"ended": 1, "kept": 1}
    rows = {row["table"]: row["deleted"] for row in body["rows"]}  # type: ignore[attr-defined]
    assert (rows["accounts_membership"], rows["accounts_user"], rows["tenancy_tenant"]) == (
        2,
        1,
        1,
    ), "something was counted twice, or not"


def _check_user_deleted(person: UUID) -> None:
    erase_tenants_and_users(tenants=(), at=clock.now())
    assert not any(count_user_rows(person).values())
    issued = subject_certificate(person)
    assert issued is not None
    body = verify_certificate(issued[1]).body
    rows = {row["table"]: row["deleted"] for row in body["rows"]}  # type: ignore[attr-defined]
    assert {table: deleted for table, deleted in rows.items() if deleted} == dict.fromkeys(
        (
            "accounts_user",
            "accounts_membership",
            "accounts_recovery_code",
            "connections_attempt",
            "django_session",
        ),
        1,
    ), "something was counted twice, or not"


def _kills(
    fresh: Callable[[], tuple[Callable[[int], None], Callable[[], None], Callable[[], None]]],
) -> int:
    stride = int(os.environ.get("THESELLER_KILLS_STRIDE", "4"))
    boundary, kills = stride // 2, 0
    while True:
        killed_at, no_lie, well = fresh()
        killed = forked(partial(killed_at, boundary)) == signal.SIGKILL
        forked(no_lie)
        forked(well)
        if not killed:
            return kills
        boundary, kills = boundary + stride, kills + 1


def kill_shops() -> int:
    def fresh() -> tuple[Callable[[int], None], Callable[[], None], Callable[[], None]]:
        tenant, (goes, stays) = _shop_with_people()
        # Two places and one attempt of each, and the shop itself.
        return (
            partial(_shop_killed, tenant),
            partial(_check_records_of_a_shop, tenant, 5),
            partial(_check_shop_deleted, tenant, goes, stays),
        )

    return _kills(fresh)


def kill_people(tenant: UUID) -> int:
    def fresh() -> tuple[Callable[[int], None], Callable[[], None], Callable[[], None]]:
        person = _person(tenant)
        _session(person)
        superuser(
            "insert into erasure_erasure (tenant_id, subject_id, kind, requested_at, own_request)"
            " values (%s, %s, 'person', now(), true)",
            [person, person],
        )
        return (
            _person_killed,
            partial(_check_records_of_a_user, person, 5),
            partial(_check_user_deleted, person),
        )

    return _kills(fresh)


def main() -> None:
    act, tenant = sys.argv[1], UUID(sys.argv[2])
    kills = kill_shops() if act == "shop" else kill_people(tenant)
    sys.stdout.write(f"{kills}\n")


if __name__ == "__main__":
    main()
