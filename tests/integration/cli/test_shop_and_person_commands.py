"""`theseller shop` and `theseller person` on a deployment of its own."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.deployment import Deployment

from theseller.lib.ids import new_id

NEW = "seven-lamps-under-a-green-bridge"
_JOIN = """
from theseller.accounts.members.operations import join_as_new_user
from theseller.lib import clock
from theseller.lib.secret_type import Secret
token = Secret(sys.argv[1].split("/")[-2])
print(join_as_new_user(token=token, name="N", password=Secret(sys.argv[2]), at=clock.now()).person)
"""


def _done(deployed: Deployment, *arguments: str) -> Any:  # noqa: ANN401
    done = deployed.theseller(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _refused(deployed: Deployment, *arguments: str) -> str:
    done = deployed.theseller(*arguments)
    assert done.returncode == 1, done.stdout
    assert done.stdout == ""
    return done.stderr


def test_a_shop_gets_an_owner_and_members_by_links(deployed: Deployment) -> None:
    owner, analyst = (f"{name}.{new_id().hex[-12:]}@example.com" for name in ("anna", "ben"))
    added = deployed.theseller("shop", "add", "Acme", "--owner", owner)
    assert added.returncode == 0, added.stderr
    link = next(line.strip() for line in added.stdout.splitlines() if "/join/" in line)
    shop = added.stdout.split()[1]
    assert f"shop {shop} was added; {owner} becomes its owner" in added.stdout
    assert "not shown again" in added.stdout
    assert "Acme: 0 member(s), 1 invitation(s)" in deployed.theseller("shop", "list").stdout
    assert "NO owner yet" in deployed.theseller("shop", "list").stdout
    person = deployed.ask(_JOIN, link, NEW, role="web")
    listed = next(one for one in _done(deployed, "shop", "list") if one["shop"] == shop)
    assert (listed["name"], listed["owners"], listed["invitations"]) == ("Acme", 1, 0)

    invited = _done(deployed, "person", "invite", analyst, "--shop", shop, "--role", "analyst")
    assert (invited["email"], invited["role"], invited["shop"]) == (analyst, "analyst", shop)
    deployed.ask(_JOIN, invited["link"], NEW, role="web")
    invite = ("person", "invite", analyst, "--role", "owner", "--shop")
    assert "is a member of the shop already" in _refused(deployed, *invite, shop)
    assert "There is no shop with this ID" in _refused(deployed, *invite, str(new_id()))
    assert "is no shop ID" in _refused(deployed, *invite, "Acme")
    assert "Enter a valid email address" in _refused(
        deployed, "person", "invite", "ben", "--role", "owner", "--shop", shop
    )

    reset = _done(deployed, "person", "reset-password", analyst)
    assert "/new-password/theseller-link-" in reset["link"]
    unknown = ("person", "reset-password", "no.one@example.com")
    assert "There is no account with the address" in _refused(deployed, *unknown)

    remove = ("person", "remove", "--shop", shop)
    assert "the only owner of the shop" in _refused(deployed, *remove, owner)
    assert _done(deployed, *remove, analyst)["removed"] is True
    assert "not a member of the shop" in _refused(deployed, *remove, analyst)
    assert deployed.rows(
        "select user_id::text, role from accounts_membership where tenant_id = %s", shop
    ) == [(person, "owner")]
    events = deployed.rows(
        "select tag, actor, details::text from audit_event where tenant_id = %s order by position",
        shop,
    )
    assert [tag for tag, actor, _ in events if actor.startswith("operator:")] == [
        "tenancy:tenant:created",
        "accounts:invitation:made",
        "accounts:invitation:made",
        "accounts:membership:removed",
    ]
    assert "theseller-link-" not in str(events)


def test_a_shop_with_a_wrong_name_is_refused(deployed: Deployment) -> None:
    before = deployed.rows("select count(*) from tenancy_tenant")
    assert "1 to 200 characters" in _refused(
        deployed, "shop", "add", " ", "--owner", "a@example.com"
    )
    assert "Enter a valid email address" in _refused(
        deployed, "shop", "add", "Acme", "--owner", "address"
    )
    assert deployed.rows("select count(*) from tenancy_tenant") == before
