"""SQL that is injected into a page runs as the web's role, with the page's tenant ticket.

It takes over no account.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connections
from tests.cast import NOON, Cast
from tests.database import test_server, wait_for_open_transactions
from tests.operators import OperatorUser, create_operator

from theseller.accounts.queries import memberships_of
from theseller.lib.ids import new_id
from theseller.privacy.account_deletion.operations import delete_account
from theseller.privacy.tenant_deletion.operations import delete_tenant
from theseller.tenancy.tenant_scope import tenant_scope

#: What an attacker would do to people's accounts, or learn of them. `{alice}` is a person of
#: another tenant, `{operator}` an operator.
ON_ACCOUNTS = {
    "read password hashes": "select password from accounts_user",
    "read addresses": "select email from accounts_user",
    "take over an account by a password": (
        "update accounts_user set password = 'mine' where id = '{operator}'"
    ),
    "make an account": (
        "insert into accounts_user (id, email, name, joined_at, password) values"
        " (gen_random_uuid(), 'x@y', 'x', now(), 'x')"
    ),
    "delete an account": "delete from accounts_user where id = '{alice}'",
    "read sealed second factors": "select sealed from accounts_authenticator",
    "remove a second factor": "delete from accounts_authenticator where user_id = '{operator}'",
    "add a passkey": (
        "insert into accounts_passkey values (gen_random_uuid(), '{operator}', 'x', 'x', 0, 'x',"
        " now(),"
        " now())"
    ),
    "add a recovery code": (
        "insert into accounts_recovery_code (set_id, code_hash, user_id, made_at) values"
        " (gen_random_uuid(), sha256('x'), '{operator}', now())"
    ),
    "read sessions": "select session_data from django_session",
    "copy a session": (
        "insert into django_session select 'mine', session_data, expire_date from django_session"
    ),
    "prolong sessions": "update django_session set expire_date = expire_date + interval '1 year'",
    "sign everyone out": "delete from django_session",
    "empty the rate limits": "delete from edge_ratebucket",
    "fill a rate limit": "insert into edge_ratebucket values ('x', 1000, now())",
    "become an operator": "insert into accounts_operator values ('{charlie}', now(), 'user:x')",
    "list operators": "select user_id from accounts_operator",
    "join another tenant": (
        "insert into accounts_membership values ('{shop}', '{charlie}', 'owner', now())"
    ),
    "join their own tenant": (
        "insert into accounts_membership values ('{own}', '{operator}', 'owner', now())"
    ),
    "become an owner": "update accounts_membership set role = 'owner'",
    "read invitations": "select token_hash, email from accounts_invitation",
    "invite themselves": (
        "insert into accounts_invitation (tenant_id, id, token_hash, email, role, made_at,"
        " expires_at) values ('{own}', gen_random_uuid(), sha256('x'), 'x@y', 'owner', now(),"
        " now() + interval '1 hour')"
    ),
    "become an owner by an invitation": "update accounts_invitation set role = 'owner'",
    "withdraw invitations": "delete from accounts_invitation",
    "follow the link of an invitation": "select * from guard.invitation_of_link(sha256('x'), now())",
    "read who signs up": "select email from accounts_sign_up",
    "read identities": "select subject from accounts_oidc_identity",
    "link an identity": (
        "insert into accounts_oidc_identity values (gen_random_uuid(), '{operator}', 'i', 's', now())"
    ),
    "read links to new passwords": "select token_hash from accounts_password_link",
    "make a link to a new password": (
        "insert into accounts_password_link values (sha256('x'), '{operator}', now(), now() +"
        " interval '1 hour')"
    ),
    "take over a link to a new password": (
        "update accounts_password_link set token_hash = sha256('x')"
    ),
    "end links to new passwords": "delete from accounts_password_link",
    "remove a member": "delete from accounts_membership",
    "make a tenant": "insert into tenancy_tenant values (gen_random_uuid(), 'x', now())",
}
#: What would delete something, or say that someone asked for it.
ON_DELETIONS = {
    "end another person's account": (
        "insert into erasure_erasure (tenant_id, subject_id, kind, requested_at, own_request)"
        " values ('{alice}', '{alice}', 'person', now(), true)"
    ),
    "end it by the function": (
        "select guard.request_person_end('{alice}', now(), sha256('x'), now() + interval '1 day')"
    ),
    "end their own shop": (
        "insert into erasure_erasure (tenant_id, subject_id, kind, requested_at, requested_by)"
        " values ('{own}', '{own}', 'shop', now(), 'user:x')"
    ),
    "end it by the function too": (
        "select guard.request_shop_end('{charlie}', gen_random_uuid(), now(), sha256('x'), now() +"
        " interval '1 day')"
    ),
    "forge a request for deletion": (
        "insert into governance_deletion_request (tenant_id, id, origin, connections, ends_shop,"
        " received_at, recorded_at, recorded_by) values ('{own}', gen_random_uuid(),"
        " 'amazon_request', '{{}}', true, now(), now(), 'amazon:x')"
    ),
    "link to another's certificate": (
        "insert into retention_end_link values (sha256('x'), '{alice}', 'person', now(), now() +"
        " interval '1 day')"
    ),
    "read the arguments of jobs": "select args from procrastinate_jobs",
    "take a job out of the queue": "delete from procrastinate_jobs",
    "list erasures of users": "select * from guard.due_user_erasures(now(), true)",
    "end the members' accounts": "select guard.request_member_erasures(now())",
    "read the erasures of members": "select * from guard.member_erasures()",
    "forge the count of an erasure": "select guard.mark_user_steps('{alice}', '{{}}')",
}
#: What only operators see or do, and what is asked for a person who is signed in.
ON_OPERATORS = {
    "tenants of another person": "select * from guard.tenants_of('{alice}')",
    "sessions of operators": "select * from guard.access_sessions(10)",
    "an operator's open session": "select * from guard.open_access('{operator}', now())",
    "what waits for review": "select * from guard.access_to_review(10)",
    "refused sign-ins": "select guard.refusals_since('-infinity')",
    "connections of a seller": "select * from guard.connections_of_seller('A2ALICEEXAMPLE1')",
    "requests for deletion": "select * from guard.deletion_requests(10)",
    "ends": "select * from guard.ends(10)",
    "read certificates": "select body from guard.certificate_of('{alice}')",
    "all shops": "select * from guard.shops(now())",
    "who owns what alone": "select * from guard.shops_without_another_owner('{alice}')",
    "open their shop to an operator": (
        "insert into governance_access_session (tenant_id, id, operator, reason, ticket, opened_at,"
        " expires_at) values ('{own}', gen_random_uuid(), '{charlie}', 'a reason that is long"
        " enough', 'T-1', now(), now() + interval '1 hour')"
    ),
    "confirm a review": (
        "insert into governance_access_review (id, reviewer, at, until_txid, until_position,"
        " covers_own, events, failed_sign_ins, note) values (gen_random_uuid(), '{operator}',"
        " now(), 1,"
        " 1, true, 0, 0, 'x')"
    ),
    "read the renewal of secrets": "select * from governance_rotation",
}


#: Jobs for other tenants, jobs of other kinds, and one whose connection is no one's. `{args}`:
#: tenant and connection.
ON_JOBS = {
    "another tenant's slips": ("buyer_pii.fetch_recipients", "{shop}"),
    "a connection that is not theirs": ("buyer_pii.fetch_recipients", "{own}"),
    "another kind of job": ("ingest.pull", "{own}"),
    "an erasure at once": ("erasure.erase_due_tenants_and_users", "{own}"),
}


@pytest.fixture
def operator(database: str) -> OperatorUser:
    del database
    return create_operator()


@pytest.mark.parametrize("attack", [*ON_ACCOUNTS, *ON_DELETIONS, *ON_OPERATORS])
def test_sql_as_web_is_refused(cast: Cast, operator: OperatorUser, attack: str) -> None:
    statement = (ON_ACCOUNTS | ON_DELETIONS | ON_OPERATORS)[attack].format(
        alice=cast.alice.id,
        operator=operator.id,
        charlie=cast.charlie.id,
        shop=cast.alices_shop,
        own=cast.charlies_shop,
    )
    with (
        pytest.raises(DatabaseError) as refusal,
        tenant_scope(cast.charlies_shop),
        connections["default"].cursor() as cursor,
    ):
        cursor.execute(statement)
    assert isinstance(refusal.value.__cause__, psycopg.errors.InsufficientPrivilege), refusal.value
    assert "permission denied" in str(refusal.value)


@pytest.mark.parametrize("attack", ON_JOBS)
def test_the_web_puts_no_other_job_into_the_queue(cast: Cast, attack: str) -> None:
    task, tenant = ON_JOBS[attack]
    of = tenant.format(shop=cast.alices_shop, own=cast.charlies_shop)
    connection = str(new_id())
    insert = (
        "insert into procrastinate_jobs (task_name, queue_name, priority, lock, queueing_lock,"
        " args) values (%s, 'default', 0, 'vault:' || %s, 'vault:' || %s,"
        " jsonb_build_object('tenant', %s::text, 'connection', %s::text))"
    )
    values = [task, connection, connection, of, connection]
    with (
        pytest.raises(DatabaseError, match="no such job"),
        tenant_scope(cast.charlies_shop),
        connections["default"].cursor() as cursor,
    ):
        cursor.execute(insert, values)
    with (
        pytest.raises(DatabaseError, match=r"ticket|scope"),
        connections["default"].cursor() as cursor,
    ):
        cursor.execute(insert, values)


def test_the_attacks_are_what_the_roles_of_accounts_and_operators_can_do(
    cast: Cast, operator: OperatorUser
) -> None:
    """The same reads are answered there: a statement with a mistake in it would be refused everywhere."""
    for role, attacks in (("auth", ON_ACCOUNTS), ("operator", ON_OPERATORS)):
        for statement in attacks.values():
            said = statement.format(
                alice=cast.alice.id,
                operator=operator.id,
                charlie=cast.charlie.id,
                shop=cast.alices_shop,
                own=cast.charlies_shop,
            )
            if (
                said.startswith("select")
                and "tenants_of" not in said
                and "from accounts_invitation" not in said  # needs a ticket
                and "without_another" not in said
            ):
                with connections[role].cursor() as cursor:
                    cursor.execute(said)


def test_accounts_role_cannot_read_tenant_tables(cast: Cast) -> None:
    for table in ("ingest_product", "connections_refresh_token", "pii.recipient", "analytics_day"):
        with (
            pytest.raises(DatabaseError),
            connections["auth"].cursor() as cursor,
        ):  # before a scope is open, and by right
            cursor.execute(f"select * from {table}")
    with connections["auth"].cursor() as cursor, pytest.raises(DatabaseError):
        cursor.execute("select * from accounts_membership")
    assert [shop.tenant for shop in memberships_of(cast.alice.id)] == [cast.alices_shop]


def test_accounts_role_cannot_delete_an_unlocked_user_or_only_owner(cast: Cast) -> None:
    call = "select guard.request_person_end(%s, now(), sha256(%s::bytea), now() + interval '1 day')"
    for person, why in ((cast.bob.id, "not locked"), (cast.alice.id, "not locked")):
        with connections["auth"].cursor() as cursor, pytest.raises(DatabaseError, match=why):
            cursor.execute(call, [person, person.bytes])
    with connections["auth"].cursor() as cursor:
        cursor.execute("update accounts_user set password = '!' where id = %s", [cast.alice.id])
        with pytest.raises(DatabaseError, match="only owner"):
            cursor.execute(call, [cast.alice.id, cast.alice.id.bytes])
    delete_account(person=cast.bob.id, at=NOON)


def test_only_an_owner_can_delete_a_shop(cast: Cast) -> None:
    for person in (cast.bob.id, cast.charlie.id):
        with pytest.raises(DatabaseError, match="only an owner"):
            delete_tenant(person=person, tenant=cast.alices_shop, at=NOON)
    delete_tenant(person=cast.alice.id, tenant=cast.alices_shop, at=NOON)


def test_access_review_of_future_events_is_refused_by_the_database(
    cast: Cast, operator: OperatorUser, database: str
) -> None:
    del cast
    review = (
        "insert into governance_access_review (id, reviewer, at, until_txid, until_position,"
        " covers_own, events, failed_sign_ins, note) values (gen_random_uuid(), %s, now(), %s, 1,"
        " true, 0, 0, 'x')"
    )
    with (
        connections["operator"].cursor() as cursor,
        pytest.raises(DatabaseError, match="still to come"),
    ):
        cursor.execute(review, [operator.id, 2**63 - 1])
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        # One of an earlier version, which no trigger saw.
        superuser.execute("alter table governance_access_review disable trigger checked")
        try:
            superuser.execute(review, [operator.id, 2**63 - 1])
        finally:
            superuser.execute("alter table governance_access_review enable trigger checked")
        later = create_operator()
        try:
            assert _waits(superuser, later)
        finally:
            superuser.execute("set session_replication_role = replica")
            superuser.execute(
                "delete from governance_access_review where until_txid = %s", [2**63 - 1]
            )


def _waits(superuser: psycopg.Connection[Any], operator: OperatorUser) -> bool:
    wait_for_open_transactions()
    row = superuser.execute(
        "select count(*) from guard.access_to_review(1000) where subject = %s",
        [f"user:{operator.id}"],
    ).fetchone()
    return row is not None and row[0] > 0
