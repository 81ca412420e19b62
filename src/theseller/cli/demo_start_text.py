"""The text that the demo prints when it has started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from theseller.cli.state_folders import REPOSITORY

#: Who operates the demo.
OPERATOR = "olga@example.com"


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the demo, as `theseller demo-accounts --json` prints them.

    `note` is the role and the shop, `app` the authenticator app's secret.
    """

    name: str
    email: str
    password: str
    note: str
    app: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """Address of the product, port of the emulator, the state folder.

    `authority` is the certificate authority of an edge; None without one.
    """

    web: str
    emulator: int
    state: Path
    authority: Path | None = None


def start_screen(address: Address, people: Sequence[Person], *, seconds: float) -> str:
    """Return the text: addresses, users, what to try, how to stop.

    At most 24 lines, the height of a small terminal.
    """
    email, password = (
        max((len(getattr(one, column)) for one in people), default=0)
        for column in ("email", "password")
    )
    rows = [f"    {one.email:{email}}  {one.password:{password}}  {one.note}" for one in people]
    return "\n".join([
        "",
        f"  TheSeller runs (ready in {seconds:.1f} s). Open:",
        "",
        f"    {address.web}/           the product",
        f"    {address.web}/security/  the public security page, live",
        (
            f"    http://127.0.0.1:{address.emulator}/           the emulated Amazon: Seller"
            " Central, faults"
        ),
        "",
        *(
            [f"  Certificate authority, for curl --cacert or a browser: {address.authority}", ""]
            if address.authority
            else []
        ),
        "  Sign in as (e-mail, password):",
        *rows,
        "",
        (
            "  Try: sign in as Alice, connect the shop, watch its history arrive, read the"
            " dashboard; then disconnect,"
        ),
        (
            "       download the deletion certificate and check it:  .venv/bin/theseller"
            " verify-deletion-certificate FILE"
        ),
        *(line for one in people if one.app for line in (
            (
                f"       As {one.name}: /operate/ requires a code of her app. Its secret is"
                f" {one.app}; or run:"
            ),
            f"       .venv/bin/theseller operator code {one.email}",
        )),
        "",
        "  Only this machine can reach it. Ctrl-C stops everything and keeps the data.",
        f"  State and logs:  {address.state}",
        f"  To start over:   {_reset(address.state)}",
        "",
    ])  # fmt: skip


def _reset(state: Path) -> str:
    return (
        "make demo-reset"
        if state == REPOSITORY / "state"
        else f"THESELLER_STATE={state} make demo-reset"
    )
