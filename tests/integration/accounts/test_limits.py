"""The limits of sign-in attempts.

Others can't lock an account out, and guessing from many networks is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import IntegrityError, connections, transaction
from django.test import Client, override_settings
from tests.cast import NOON, PASSWORD, Cast, create_cast
from tests.operators import create_operator

from theseller.accounts.addresses import AddressError, canonical
from theseller.accounts.models import User
from theseller.accounts.operations import create_user
from theseller.accounts.queries import person_by_email
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret

WRONG = "wrong"


@pytest.fixture
def cast(database: str) -> Iterator[Cast]:
    # The product's hash is slow on purpose; here many passwords are tried.
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield create_cast()


def _network() -> str:
    """Return an address of a network that no other test uses."""
    text = new_id().hex
    return f"2001:db8:{text[-8:-4]}:{text[-4:]}::1"


def _try(email: str, network: str, *, password: str = WRONG, client: Client | None = None) -> int:
    return (
        (client or Client())
        .post("/sign-in/", {"email": email, "password": password}, REMOTE_ADDR=network)
        .status_code
    )


def test_failed_sign_ins_from_one_network_do_not_block_another_network(cast: Cast) -> None:
    theirs, hers = _network(), _network()
    assert [_try(cast.alice.email, theirs) for _ in range(12)] == [422] * 10 + [429] * 2
    assert _try(cast.alice.email, theirs, password=PASSWORD) == 429
    assert _try(cast.alice.email, hers, password=PASSWORD) == 302


def test_one_network_has_30_sign_in_attempts_over_all_accounts(cast: Cast) -> None:
    network = _network()
    # Any address of one /64 is the same network.
    tried = [
        _try(f"{new_id().hex}@example.com", network.replace("::1", f"::{number:x}"))
        for number in range(1, 34)
    ]
    assert tried == [422] * 30 + [429] * 3
    assert _try(cast.alice.email, network, password=PASSWORD) == 429


def test_guessing_from_many_networks_is_bounded_and_a_known_browser_is_not_locked_out(
    cast: Cast,
) -> None:
    known = Client()
    assert _try(cast.alice.email, _network(), password=PASSWORD, client=known) == 302
    known.post("/sign-out/")
    guessed = [
        _try(cast.alice.email, network)
        for network in [_network() for _ in range(11)]
        for _ in range(10)
    ]
    # One of the hundred was her own sign-in.
    assert 99 <= guessed.count(422) <= 102  # a token comes back every 36 seconds
    assert guessed[-1] == 429
    assert _try(cast.alice.email, _network(), password=PASSWORD) == 429
    assert _try(cast.alice.email, _network(), password=PASSWORD, client=known) == 302


def test_a_known_browser_has_ten_tries_of_its_own(cast: Cast) -> None:
    known, network = Client(), _network()
    assert _try(cast.alice.email, network, password=PASSWORD, client=known) == 302
    known.post("/sign-out/")
    assert [_try(cast.alice.email, network, client=known) for _ in range(12)] == [422] * 10 + [
        429
    ] * 2
    assert _try(cast.alice.email, network, password=PASSWORD) == 302


@pytest.mark.parametrize("damage", ["other_account", "changed", "unsigned"])
def test_invalid_device_cookie_is_rate_limited_like_no_cookie(cast: Cast, damage: str) -> None:
    network, name = _network(), settings.DEVICE_COOKIE_NAME
    client = Client()
    owner = cast.charlie if damage == "other_account" else cast.alice
    assert _try(owner.email, _network(), password=PASSWORD, client=client) == 302
    client.post("/sign-out/")
    value = client.cookies[name].value
    client.cookies[name] = {
        "changed": f"{value[:-1]}{'A' if value[-1] != 'A' else 'B'}",
        "unsigned": "[]",
    }.get(damage, value)
    assert [_try(cast.alice.email, network, client=client) for _ in range(11)] == [422] * 10 + [429]
    assert (
        _try(cast.alice.email, network) == 429
    )  # counted by account and network, as without a cookie


def test_device_cookie_is_http_only_and_contains_no_user_data(cast: Cast) -> None:
    client = Client()
    wrong = client.post(
        "/sign-in/", {"email": cast.alice.email, "password": "wrong"}, REMOTE_ADDR=_network()
    )
    assert settings.DEVICE_COOKIE_NAME not in wrong.cookies
    assert _try(cast.alice.email, _network(), password=PASSWORD, client=client) == 302
    morsel = client.cookies[settings.DEVICE_COOKIE_NAME]
    assert (morsel["httponly"], morsel["samesite"], morsel["path"], morsel["domain"]) == (
        True,
        "Lax",
        "/",
        "",
    )
    assert str(cast.alice.id) not in morsel.value
    assert "alice" not in morsel.value


def test_strangers_with_the_password_use_up_no_ones_second_factor(cast: Cast) -> None:
    del cast
    operator = create_operator()
    theirs, hers = Client(), Client()
    network = _network()
    assert _try(operator.email, network, password=PASSWORD, client=theirs) == 302
    answers = [
        theirs.post("/sign-in/", {"code": "000000"}, REMOTE_ADDR=network).status_code
        for _ in range(12)
    ]
    assert answers == [422] * 10 + [429] * 2
    other = _network()
    assert _try(operator.email, other, password=PASSWORD, client=hers) == 302
    assert hers.post("/sign-in/", {"code": operator.code()}, REMOTE_ADDR=other).status_code == 302


TWINS = {
    "dotless i": ("i", "\u0131"), "dotted capital I": ("i", "\u0130"),
    "Kelvin sign": ("k", "\u212a"), "long s": ("s", "\u017f"), "full width": ("a", "\uff41"),
    "ligature": ("fi", "\ufb01"), "Cyrillic": ("a", "\u0430"), "combining": ("i", "i\u0307"),
    "soft hyphen": ("i", "i\u00ad"), "full-width at": ("@", "\uff20"),
    "full-width dot": (".", "\uff0e"),
}  # fmt: skip


@pytest.mark.parametrize("twin", TWINS)
def test_email_with_equivalent_spelling_cannot_be_registered_twice(cast: Cast, twin: str) -> None:
    email = f"kfia.s.{new_id().hex[-8:]}@example.com"
    person = create_user(email=email.upper(), name="Twin", password=Secret(PASSWORD), at=NOON)
    assert User.objects.get(pk=person).email == email
    spelled = email.replace(*TWINS[twin], 1)
    assert spelled != email
    assert _try(spelled, _network(), password=PASSWORD) == 422
    assert person_by_email(spelled) is None
    with pytest.raises(AddressError):
        create_user(email=spelled, name="Twin", password=Secret(PASSWORD), at=NOON)
    assert _try(f" {email.title()} ", _network(), password=PASSWORD) == 302
    assert person_by_email(email.upper()) == person


def test_the_database_refuses_another_spelling(cast: Cast) -> None:
    for email in ("Upper@example.com", "d\u0131tless@example.com", "two words@example.com"):
        with (
            pytest.raises(IntegrityError, match="accounts_user_email_canonical"),
            transaction.atomic(),
        ):
            User.objects.create(email=email, name="x", joined_at=NOON)


@pytest.mark.parametrize(
    ("stored", "rewritten"),
    [
        ("Mixed@Example.com", "mixed@example.com"),
        ("anna@b\u00fccher.example", "anna@xn--bcher-kva.example"),
        ("plain@example.com", "plain@example.com"),
    ],
)
def test_migration_rewrites_stored_emails_to_canonical_form(
    database: str, stored: str, rewritten: str
) -> None:
    assert _migrated([stored]) == [rewritten]


@pytest.mark.parametrize(
    ("stored", "sentence"),
    [
        (["al\u0131ce@example.com"], "not plain ASCII"),
        (["a@b\u00fccher.example", "a@xn--bcher-kva.example"], "share one address"),
    ],
)
def test_migration_names_accounts_whose_email_cannot_be_rewritten(
    database: str, stored: list[str], sentence: str
) -> None:
    with pytest.raises(AddressError, match=sentence) as refused:
        _migrated(stored)
    assert "example" not in str(refused.value)


def _migrated(stored: list[str]) -> list[str]:
    """Return what the migration makes of `stored`, on a table as it was before it."""
    from importlib import import_module

    from django.apps import apps

    rewrite = import_module(
        "theseller.accounts.migrations.0003_canonical_addresses"
    ).rewrite_addresses
    connection = connections["migrate"]
    with transaction.atomic(using="migrate"):
        with connection.cursor() as cursor:
            cursor.execute(
                "alter table accounts_user drop constraint accounts_user_email_canonical"
            )
        people = User.objects.using("migrate")
        ids = [people.create(email=email, name="x", joined_at=NOON).pk for email in stored]
        try:
            with connection.schema_editor() as editor:
                rewrite(apps, editor)
            return [people.get(pk=one).email for one in ids]
        finally:
            transaction.set_rollback(True, using="migrate")


def test_canonical_email_is_trimmed_lowercase_and_without_inner_spaces() -> None:
    assert canonical(" Alice@Example.COM\n") == "alice@example.com"
    for text in ("a b@example.com", "a\u00a0b@example.com", "a\0@example.com"):
        with pytest.raises(AddressError):
            canonical(text)
