"""One-time links in tests: the token and the path of an address."""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.cast import NOON, PASSWORD

from theseller.accounts.members.operations import add_shop
from theseller.accounts.models import SignUp
from theseller.accounts.one_time_link_tokens import VALID_FOR, IssuedLink, new_token, token_hash
from theseller.accounts.operations import create_user
from theseller.accounts.password_reset.operations import make_password_link
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret


def path_of(link: IssuedLink) -> str:
    """Return the path of a link, as a browser requests it."""
    return urlsplit(link.address.reveal()).path


def token_of(link: IssuedLink) -> Secret:
    return Secret(path_of(link).split("/")[-2])


def new_invitation() -> str:
    """Invite a new person to a shop that no one else is in, and return the token of the link."""
    owner = f"new.{new_id().hex[-12:]}@example.com"
    shop = add_shop(name="A new shop", owner=owner, actor="process:test", at=clock.now())
    return token_of(shop.link).reveal()


def new_password_link() -> str:
    """Make a link for a new person of no shop, and return its token."""
    email = f"fred.{new_id().hex[-12:]}@example.com"
    person = create_user(email=email, name="Fred", password=Secret(PASSWORD), at=NOON)
    link = make_password_link(person=person, actor="process:test", at=clock.now())
    assert link is not None
    return token_of(link).reveal()


def new_sign_up_link() -> str:
    """Store a new address's request to open a shop, and return its token."""
    token, at = new_token(), clock.now()
    SignUp.objects.create(
        id=new_id(),
        token_hash=token_hash(token),
        email=f"new.{new_id().hex[-12:]}@example.com",
        made_at=at,
        expires_at=at + VALID_FOR,
    )
    return token.reveal()
