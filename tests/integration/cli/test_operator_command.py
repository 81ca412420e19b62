"""`theseller operator` on a deployment of its own: who may come in is said here and nowhere else."""

from __future__ import annotations

import subprocess
import sys

from tests import preloaded
from tests.demo_deployment import ROOT
from tests.integration.deployment import Deployment

from theseller.accounts.forms import PASSWORD_LENGTH_MIN
from theseller.lib.ids import new_id


def _add(deployed: Deployment, email: str, password: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "theseller.cli.main",
        "operator",
        "add",
        email,
        "--name",
        "Oskar",
    ]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=deployed.environ,
        input=password + "\n",
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_operator_is_made_listed_and_removed(deployed: Deployment) -> None:
    email = f"oskar.{new_id().hex[-12:]}@example.com"
    unknown = deployed.theseller("operator", "add", email)
    assert unknown.returncode == 1
    assert f"There is no account with the address {email}." in unknown.stderr
    assert '--name "NAME"' in unknown.stderr
    short = _add(deployed, email, "x" * (PASSWORD_LENGTH_MIN - 1))
    assert short.returncode == 1
    assert f"at least {PASSWORD_LENGTH_MIN} characters" in short.stderr
    assert deployed.rows("select count(*) from accounts_user where email = %s", email) == [(0,)]
    made = _add(deployed, email, "correct-horse-battery-staple")
    assert made.returncode == 0, made.stderr
    assert "is an operator already" in deployed.theseller("operator", "add", email.upper()).stdout
    listed = deployed.theseller("operator", "list").stdout
    assert "NO second factor yet: can't come in" in next(
        line for line in listed.splitlines() if line.startswith(email)
    )
    assert "theseller rotate --leaver" in deployed.theseller("operator", "remove", email).stdout
    assert email not in deployed.theseller("operator", "list").stdout
    tags = (
        "select tag, actor from audit_event where tag like 'accounts:operator:%%' and subject = %s"
        " order by position"
    )
    (person,) = deployed.rows("select id from accounts_user where email = %s", email)[0]
    events = deployed.rows(tags, f"user:{person}")
    assert [tag for tag, _ in events] == ["accounts:operator:added", "accounts:operator:removed"]
    assert {actor.split(":")[0] for _, actor in events} == {"operator"}


def test_lost_factors_are_reset_and_codes_are_shown_in_the_demo_only(deployed: Deployment) -> None:
    email = f"olga.{new_id().hex[-12:]}@example.com"
    person = deployed.ask(
        "from tests.operators import create_operator; print(create_operator(operates=False).id)",
        role="web",
    )
    deployed.rows("update accounts_user set email = %s where id = %s returning id", email, person)
    code = deployed.theseller("operator", "code", email)
    assert code.returncode == 0
    assert code.stdout.strip().isdigit()
    environ = deployed.environ | {"THESELLER_ENV": "staging"}
    elsewhere = preloaded.run(
        ["-m", "theseller.cli.main", "operator", "code", email], environ=environ
    )
    assert (
        elsewhere.returncode,
        "Codes come from the person's own device." in elsewhere.stderr,
    ) == (1, True)
    assert deployed.theseller("operator", "reset-factors", email).stdout.startswith(
        "1 second factor(s) removed"
    )
    assert "has no authenticator app" in deployed.theseller("operator", "code", email).stderr
