"""The pages around a connection: which stores it shows, and a second region.

Also what a shop reads whose connection has ended.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client, override_settings
from tests.cast import Cast, create_cast
from tests.integration.analytics.facts import DE, UK, Shop
from tests.integration.analytics.lifelike import Year
from tests.operators import create_operator

from theseller.accounts.models import User
from theseller.accounts.operations import create_user
from theseller.amazon.roles import Role
from theseller.config.environment import EnvironmentKind
from theseller.connections.operations import disconnect
from theseller.connections.types import DisconnectReason
from theseller.controls.catalogue import auth_minimum_roles
from theseller.controls.probe_tools.probe_context import live_context
from theseller.controls.types import Failed
from theseller.crypto.text_secret_validation import new_text_secret
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret

ALL_OF_EUROPE = (DE, UK, "A13V1IB3VIYZZH", "APJ6JRA9NG5V4")


@pytest.fixture
def cast() -> Cast:
    return create_cast(at=clock.now() - timedelta(days=100))


@pytest.fixture
def alice(cast: Cast) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=cast.alice.id))
    return client


@pytest.fixture
def shop(cast: Cast) -> Shop:
    """Return Alice's shop, connected to every store of Europe, selling in Germany."""
    shop = Shop(cast.alices_shop)
    Year(shop, clock.now(), days=1, per_day=1, stores=ALL_OF_EUROPE).connect()
    shop.order(clock.now() - timedelta(days=2))
    shop.roll_up()
    return shop


def test_a_connection_shows_the_stores_the_seller_has_and_offers_another_region(
    shop: Shop, alice: Client
) -> None:
    page = alice.get("/connections/").content.decode()
    assert "Amazon.de" in page
    assert "Amazon.co.uk" not in page
    assert "Amazon.it" not in page
    assert "Connect another region" in page
    assert "Europe" in alice.get("/connections/new/").content.decode(), (
        "which region is connected already"
    )


def test_a_feature_is_offered_only_where_the_application_has_its_roles(alice: Client) -> None:
    def findings() -> set[str]:
        found = auth_minimum_roles.probe(live_context(clock.now()))
        listed = found.observations["findings"] if isinstance(found, Failed) else ()
        assert not isinstance(listed, int | str)
        return set(listed)

    others = findings()  # of what other tests left in this database
    traffic = {"features": ["sales", "traffic"], "marketplace": "ATVPDKIKX0DER"}
    assert "Traffic and conversion" in alice.get("/connections/new/").content.decode()
    assert alice.post("/connections/new/", traffic).status_code == 200
    roles = tuple(
        role for role in settings.ENVIRONMENT.application_roles if role is not Role.BRAND_ANALYTICS
    )
    with override_settings(ENVIRONMENT=replace(settings.ENVIRONMENT, application_roles=roles)):
        page = alice.get("/connections/new/").content.decode()
        assert "Stock at Amazon" in page
        assert "Traffic and conversion" not in page
        assert alice.post("/connections/new/", traffic).status_code == 422
        assert findings() <= others
    unneeded = (*roles, Role.PRICING)
    with override_settings(ENVIRONMENT=replace(settings.ENVIRONMENT, application_roles=unneeded)):
        assert any("Pricing" in one for one in findings() - others)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (DisconnectReason.REVOKED_AT_AMAZON, "revoked in Seller Central"),
        (DisconnectReason.AUTHORISATION_EXPIRED, "expired after a year"),
        (DisconnectReason.SELLER_REQUEST, "Disconnected here"),
    ],
)
def test_a_shop_whose_connection_ended_reads_why_and_finds_the_certificate(
    shop: Shop, alice: Client, reason: DisconnectReason, said: str
) -> None:
    disconnect(
        connection=shop.connection,
        reason=reason,
        tenant=shop.tenant,
        actor="process:test",
        at=clock.now(),
    )
    shop.run("delete from analytics_day where tenant_id = %s", [shop.tenant])
    page = alice.get("/").content.decode()
    assert "Your data was erased" in page
    assert said in page
    assert f"/connections/{shop.connection}/erasure/" in page
    assert said in alice.get("/connections/").content.decode()


def test_a_visitor_reads_what_this_is_and_where_to_sign_in() -> None:
    page = Client().get("/").content.decode()
    assert 'href="/sign-in/"' in page
    assert 'href="/security/"' in page
    assert "This is a demo" not in page
    security = Client().get("/security/").content.decode()
    assert "Sign in" in security
    assert "Your shop" not in security


def test_only_a_demo_of_this_machine_says_how_to_sign_in_to_it() -> None:
    password = settings.SECRETS.ensure("demo-cast-password", new_text_secret).reveal()
    here = replace(
        settings.ENVIRONMENT, kind=EnvironmentKind.DEMO, public_url="http://127.0.0.1:8100"
    )
    for environment, remote, shown in (
        (here, "127.0.0.1", True),
        (here, "198.51.100.7", False),
        (replace(here, public_url="https://shop.example"), "127.0.0.1", False),
        (replace(here, kind=EnvironmentKind.PRODUCTION), "127.0.0.1", False),
        (replace(here, kind=EnvironmentKind.STAGING), "127.0.0.1", False),
    ):
        with override_settings(ENVIRONMENT=environment):
            page = Client().get("/", REMOTE_ADDR=remote).content.decode()
        assert (password in page, "alice@example.com" in page) == (shown, shown)


def test_pages_of_the_account_keep_the_navigation_of_the_shop(alice: Client) -> None:
    page = alice.get("/account/security/").content.decode()
    assert 'aria-label="Main"' in page
    assert 'href="/products/"' in page
    operator = Client()
    operator.force_login(User.objects.get(pk=create_operator(at=clock.now()).id))
    assert 'href="/products/"' not in operator.get("/account/security/").content.decode()


def test_no_shop_page_says_who_can_invite() -> None:
    person = create_user(
        email=f"nina.{new_id().hex[-12:]}@example.com",
        name="Nina",
        password=Secret("a long enough password"),
        at=clock.now(),
    )
    client = Client()
    client.force_login(User.objects.get(pk=person))
    page = client.get("/no-shop/").content.decode()
    assert "Ask an owner of your shop, or an operator of this service, for an invitation." in page
