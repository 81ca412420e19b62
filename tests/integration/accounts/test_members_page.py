"""The page of members, for owners."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client, override_settings
from tests.cast import Cast
from tests.conftest import as_role
from tests.step_up import after_step_up

from theseller.accounts.members.invited_address_check import has_open_invitation
from theseller.accounts.members.queries import invitation_of, members, pending_invitations
from theseller.accounts.members.types import PendingInvitation
from theseller.accounts.models import User
from theseller.accounts.one_time_link_tokens import VALID_FOR, token_in_path
from theseller.accounts.types import MemberRole
from theseller.edge.database_routing import accounts_database
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.mail.types import MailMode, MailSettings
from theseller.tenancy.tenant_scope import tenant_scope


def _client(person: UUID, *, fresh: bool = True) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=person))
    return after_step_up(client) if fresh else client


def _roles(tenant: UUID) -> dict[UUID, MemberRole]:
    with tenant_scope(tenant, using=accounts_database()):
        return {one.person: one.role for one in members()}


def _pending(tenant: UUID) -> tuple[PendingInvitation, ...]:
    with tenant_scope(tenant, using=accounts_database()):
        return pending_invitations(at=clock.now())


def _address() -> str:
    return f"new.{new_id().hex[-12:]}@example.com"


@override_settings(MAIL=MailSettings())
def test_an_owner_sees_members_and_the_link_of_an_invitation_once(cast: Cast) -> None:
    client, email = _client(cast.alice.id), _address()
    page = client.get("/members/").content.decode()
    assert cast.alice.email in page
    assert cast.bob.email in page
    assert cast.charlie.email not in page
    assert "The only owner" in page
    done = client.post("/members/", {"email": email, "role": "analyst"})
    assert (done.status_code, done["Cache-Control"]) == (200, "private, no-store")
    found = re.search(r"http://testserver/join/([\w-]+)/", done.content.decode())
    assert found is not None
    token = token_in_path(found[1])
    assert token is not None
    invitation = invitation_of(token, at=clock.now())
    assert invitation is not None
    assert (invitation.email, invitation.tenant) == (email, cast.alices_shop)
    page = client.get("/members/").content.decode()
    assert email in page
    assert found[1] not in page


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"email": "", "role": "viewer"}, "Enter the person’s email address"),
        ({"email": "address", "role": "viewer"}, "Enter a valid email address"),
        ({"email": "a@example.com", "role": "operator"}, "not one of the available choices"),
        ({"email": "{bob}", "role": "viewer"}, "member of the shop already"),
    ],
)
def test_a_wrong_invitation_is_refused_on_the_page(
    cast: Cast, form: dict[str, str], said: str
) -> None:
    given = form | {"email": form["email"].format(bob=cast.bob.email)}
    done = _client(cast.alice.id).post("/members/", given)
    assert done.status_code == 422
    assert said in done.content.decode()
    assert _pending(cast.alices_shop) == ()


def test_changes_need_a_recent_proof(cast: Cast) -> None:
    client = _client(cast.alice.id, fresh=False)
    first = client.post("/members/", {"email": _address(), "role": "viewer"})
    assert first["Location"].startswith("/account/second-factor/?next=%2Fmembers%2F")
    removal = client.post(f"/members/{cast.bob.id}/removal/")
    assert removal["Location"].startswith("/account/second-factor/?next=%2Fmembers%2F")
    assert cast.bob.id in _roles(cast.alices_shop)
    assert _pending(cast.alices_shop) == ()


def test_roles_removal_withdrawal_and_transfer(cast: Cast) -> None:
    client, bob = _client(cast.alice.id), cast.bob.id
    assert client.post(f"/members/{bob}/role/", {"role": "x"}).status_code == 302
    assert _roles(cast.alices_shop)[bob] is MemberRole.ANALYST
    client.post(f"/members/{bob}/role/", {"role": "accountant"})
    assert _roles(cast.alices_shop)[bob] is MemberRole.ACCOUNTANT
    client.post(f"/members/{cast.alice.id}/removal/")
    assert b"the only owner of the shop" in client.get("/members/").content
    client.post("/members/", {"email": _address(), "role": "viewer"})
    (pending,) = _pending(cast.alices_shop)
    assert client.post(f"/members/invitations/{pending.id}/withdrawal/").status_code == 302
    assert _pending(cast.alices_shop) == ()
    assert client.post(f"/members/{bob}/ownership/")["Location"] == "/"
    assert _roles(cast.alices_shop)[cast.alice.id] is MemberRole.ANALYST
    assert client.get("/members/").status_code == 403
    new = _client(bob)
    assert new.post(f"/members/{cast.alice.id}/removal/").status_code == 302
    assert _roles(cast.alices_shop) == {bob: MemberRole.OWNER}


def test_owners_alone_have_the_page_in_their_navigation(cast: Cast) -> None:
    assert b'href="/members/"' in _client(cast.alice.id).get("/connections/").content
    assert b'href="/members/"' not in _client(cast.bob.id).get("/connections/").content


def test_an_invitation_is_mailed_where_there_is_mail_and_not_shown(cast: Cast) -> None:
    email = _address()
    mail = MailSettings(mode=MailMode.INBOX, sender="theseller@example.com")
    with override_settings(MAIL=mail):
        done = _client(cast.alice.id).post("/members/", {"email": email, "role": "viewer"})
    assert (done.status_code, done["Location"]) == (302, "/members/")
    with as_role("worker"), connections["worker"].cursor() as cursor:
        cursor.execute("select kind from mail_message where recipient = %s", [email])
        assert cursor.fetchall() == [("invitation",)]
    at = clock.now()
    for role in ("auth", "worker", "operator"):
        assert has_open_invitation(email, at, role)
        assert not has_open_invitation(email, at + VALID_FOR + timedelta(seconds=1), role)
        assert not has_open_invitation(cast.bob.email, at, role)
    assert settings.MAIL_INVITATION_CHECK.endswith(".has_open_invitation")
