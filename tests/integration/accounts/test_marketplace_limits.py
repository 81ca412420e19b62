"""Invitations and members that are limited to some of the shop's marketplaces."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connections
from django.test import Client
from tests.cast import Cast, create_cast
from tests.database import test_server
from tests.one_time_links import token_of
from tests.step_up import after_step_up

from theseller.accounts.members import operations
from theseller.accounts.members.marketplace_limits import limit_member
from theseller.accounts.members.queries import invitation_of, members
from theseller.accounts.members.types import MembershipRefusedError
from theseller.accounts.models import User
from theseller.accounts.one_time_link_tokens import token_hash
from theseller.accounts.queries import memberships_of
from theseller.accounts.types import MemberRole
from theseller.edge.database_routing import accounts_database
from theseller.lib import clock, sql_execution
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret
from theseller.tenancy.tenant_scope import tenant_scope

DE, FR = "A1PA6795UKMFR9", "A13V1IB3VIYZZH"


@pytest.fixture
def cast(database: str) -> Cast:
    return create_cast()


def _limit_of(cast: Cast, person: object) -> frozenset[str] | None:
    with tenant_scope(cast.alices_shop, using=accounts_database()):
        return next(one.marketplaces for one in members() if one.person == person)


def _limit(cast: Cast, *marketplaces: str) -> bool:
    return limit_member(
        person=cast.bob.id,
        marketplaces=marketplaces,
        tenant=cast.alices_shop,
        owner=cast.alice.id,
        at=clock.now(),
    )


def _events(database: str, cast: Cast, like: str) -> list[tuple[str, str | None]]:
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        return superuser.execute(
            "select tag, details ->> 'marketplaces' from audit_event where tenant_id = %s and tag"
            " like %s order by position",
            [cast.alices_shop, like],
        ).fetchall()


def test_a_limited_invitation_makes_a_limited_member(database: str, cast: Cast) -> None:
    at, email = clock.now(), f"new.{new_id().hex[-12:]}@example.com"
    link = operations.invite(
        email=email,
        role=MemberRole.ANALYST,
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=at,
        owner=cast.alice.id,
        marketplaces=[FR, DE],
    )
    found = invitation_of(token_of(link), at=at)
    assert found is not None
    assert found.limit_text == "Amazon.de, Amazon.fr"
    joined = operations.join_as_new_user(
        token=token_of(link),
        name="Anna",
        password=Secret("seven-lamps-under-a-green-bridge"),
        at=at,
    )
    (shop,) = memberships_of(joined.person)
    assert shop.marketplaces == frozenset({DE, FR})
    assert _limit_of(cast, joined.person) == frozenset({DE, FR})
    assert ("accounts:invitation:made", f"{FR} {DE}") in _events(database, cast, "accounts:%")
    assert ("accounts:membership:added", f"{FR} {DE}") in _events(database, cast, "accounts:%")


def test_owners_limit_members_but_not_owners(database: str, cast: Cast) -> None:
    assert _limit(cast, DE)
    assert not _limit(cast, DE)
    assert _limit(cast)
    assert _limit_of(cast, cast.bob.id) is None
    assert _events(database, cast, "%marketplaces_changed") == [
        ("accounts:membership:marketplaces_changed", DE),
        ("accounts:membership:marketplaces_changed", "all"),
    ]
    for person, marketplaces in ((cast.alice.id, [DE]), (cast.bob.id, ["A1NOSUCH"])):
        with pytest.raises(MembershipRefusedError):
            limit_member(
                person=person,
                marketplaces=marketplaces,
                tenant=cast.alices_shop,
                owner=cast.alice.id,
                at=clock.now(),
            )
    with pytest.raises(MembershipRefusedError):  # Bob is no owner.
        limit_member(
            person=cast.bob.id,
            marketplaces=[DE],
            tenant=cast.alices_shop,
            owner=cast.bob.id,
            at=clock.now(),
        )


def test_a_member_who_becomes_an_owner_has_no_limit_any_more(cast: Cast) -> None:
    _limit(cast, DE)
    for role in (MemberRole.OWNER, MemberRole.VIEWER):
        operations.change_role(
            person=cast.bob.id,
            role=role,
            tenant=cast.alices_shop,
            actor=cast.alice.actor,
            at=clock.now(),
            owner=cast.alice.id,
        )
        assert _limit_of(cast, cast.bob.id) is None


def test_programs_of_the_release_before_admit_no_limited_member(cast: Cast) -> None:
    """They know no limits: what they call answers as if there were no such member or invitation."""
    admitted = "select count(*) from guard.tenants_of(%s)"
    assert sql_execution.value(connections[accounts_database()], admitted, [cast.bob.id]) == 1
    _limit(cast, DE)
    assert sql_execution.value(connections[accounts_database()], admitted, [cast.bob.id]) == 0
    at = clock.now()
    for marketplaces, valid in (([], 1), ([DE], 0)):
        link = operations.invite(
            email=f"new.{new_id().hex[-12:]}@example.com",
            role=MemberRole.VIEWER,
            tenant=cast.alices_shop,
            actor=cast.alice.actor,
            at=at,
            marketplaces=marketplaces,
        )
        found = sql_execution.value(
            connections[accounts_database()],
            "select count(*) from guard.invitation_of_link(%s, %s)",
            [token_hash(token_of(link)), at],
        )
        assert found == valid


def test_an_owner_limits_a_member_on_the_page(cast: Cast) -> None:
    client = Client()
    client.force_login(User.objects.get(pk=cast.alice.id))
    after_step_up(client)
    address = f"/members/{cast.bob.id}/marketplaces/"
    assert client.get(f"/members/{cast.alice.id}/marketplaces/").status_code == 404
    assert client.post(address, {"marketplaces": ["A1NOSUCH"]}).status_code == 422
    assert client.post(address, {"marketplaces": [DE, FR]}).status_code == 302
    assert _limit_of(cast, cast.bob.id) == frozenset({DE, FR})
    assert "Amazon.de, Amazon.fr" in client.get("/members/").content.decode()
    ticked = client.get(address).content.decode()
    assert ticked.count("checked") == 3  # "Only these", and two marketplaces
    # Removing the last mark, or marking one beside "All", is no choice.
    assert client.post(address, {"scope": "some"}).status_code == 422
    assert client.post(address, {"scope": "all", "marketplaces": [DE]}).status_code == 422
    assert _limit_of(cast, cast.bob.id) == frozenset({DE, FR})
    done = client.post(address, {"scope": "all"}, follow=True).content.decode()
    assert "The member sees all marketplaces now." in done
    assert _limit_of(cast, cast.bob.id) is None
    invited = {"email": "x@example.com", "role": "owner", "marketplaces": [DE]}
    assert client.post("/members/", invited).status_code == 422
