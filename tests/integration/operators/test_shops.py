"""The operators' pages of shops."""

from __future__ import annotations

import re

from django.db import connections
from django.test import override_settings
from tests.cast import Cast
from tests.operators import create_operator, operator_client

from theseller.accounts.members.queries import invitation_of, shops
from theseller.accounts.one_time_link_tokens import token_in_path
from theseller.accounts.queries import memberships_of
from theseller.accounts.types import MemberRole
from theseller.lib import clock, sql_execution
from theseller.lib.ids import new_id
from theseller.mail.types import MailMode, MailSettings


@override_settings(MAIL=MailSettings(MailMode.OFF))
def test_an_operator_adds_a_shop_and_renews_the_link_of_its_owner(cast: Cast) -> None:
    operator = create_operator()
    client, email = operator_client(operator), f"new.{new_id().hex[-12:]}@example.com"
    assert client.post("/operate/shops/new/", {"name": "", "owner": email}).status_code == 422
    assert client.post("/operate/shops/new/", {"name": "A", "owner": "x"}).status_code == 422
    done = client.post("/operate/shops/new/", {"name": "Acme <Inc>", "owner": email})
    first = re.search(r"http://testserver/join/([\w-]+)/", done.content.decode())
    assert first is not None
    token = token_in_path(first[1])
    assert token is not None
    found = invitation_of(token, at=clock.now())
    assert found is not None
    assert (found.email, found.role) == (email, MemberRole.OWNER)
    page = client.get("/operate/shops/").content.decode()
    assert "Acme &lt;Inc&gt;" in page
    assert first[1] not in page
    again = client.post(f"/operate/shops/{found.tenant}/owner/", {"owner": email})
    assert re.search(r"http://testserver/join/[\w-]+/", again.content.decode())
    assert invitation_of(token, at=clock.now()) is None
    assert memberships_of(operator.id) == ()
    line = next(one for one in shops(at=clock.now()) if one.tenant == found.tenant)
    assert (line.members, line.invitations) == (0, 1)


def test_with_a_mail_server_the_owner_gets_the_link_by_mail_only(cast: Cast) -> None:
    operator = create_operator()
    client, email = operator_client(operator), f"new.{new_id().hex[-12:]}@example.com"
    with override_settings(MAIL=MailSettings(MailMode.INBOX, sender="theseller@example.com")):
        assert "by mail" in client.get("/operate/shops/new/").content.decode()
        done = client.post("/operate/shops/new/", {"name": "Acme", "owner": email}, follow=True)
        assert done.redirect_chain == [("/operate/shops/", 302)]
        assert f"The invitation is sent to {email}." in done.content.decode()
        assert "/join/" not in done.content.decode()
        shop = max(shops(at=clock.now()), key=lambda one: one.created_at)
        client.post(f"/operate/shops/{shop.tenant}/owner/", {"owner": email})
    queued = sql_execution.rows(
        connections["worker"],
        "select kind, sealed is not null from mail_message where recipient = %s",
        [email],
    )
    assert queued == [("invitation", True)] * 2


def test_an_operator_invites_no_one_to_a_shop_that_has_an_owner(cast: Cast) -> None:
    operator = create_operator()
    client = operator_client(operator)
    path = f"/operate/shops/{cast.alices_shop}/owner/"
    assert client.get(path).status_code == 404
    assert client.post(path, {"owner": operator.email}).status_code == 404
    assert client.get(f"/operate/shops/{new_id()}/owner/").status_code == 404
