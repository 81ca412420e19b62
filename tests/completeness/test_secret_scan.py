"""Planted secrets of every format and encoding are refused at commit and by the command of CI.

This repository holds none.

Each sample is made from parts when the test runs, so that this file is clean for the scanner that
it tests.
"""

from __future__ import annotations

import base64
import os
import random
import shutil
import string
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from tools.secret_scan.rules import RULES
from tools.secret_scan.scan import BYTES_MAX, look

ROOT = Path(__file__).resolve().parents[2]
ALNUM, HEX = string.ascii_letters + string.digits, "0123456789abcdef"
_chance = random.Random(3)  # noqa: S311


def _some(length: int, letters: str = ALNUM) -> str:
    return "".join(_chance.choices(letters, k=length))


def _jwt() -> str:
    parts = (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"alice","iat":1516239022}')
    return ".".join(
        [*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), _some(43)]
    )


SAMPLES = {
    "amazon-refresh-token": "Atzr" + "|IwEB" + _some(200),
    "amazon-access-token": "Atza" + "|IwEB" + _some(200),
    "amazon-restricted-data-token": "Atz." + "sprdt|IwEB" + _some(200),
    "amazon-client-secret": "amzn1.oa2-cs" + ".v1." + _some(64, HEX),
    "amazon-old-client-secret": "client_" + "secret=" + _some(64, HEX),
    "amazon-mws-token": "amzn.mws." + "-".join(_some(length, HEX) for length in (8, 4, 4, 4, 12)),
    "aws-access-key-id": "AK" + "IA" + _some(16, string.ascii_uppercase + "234567"),
    "aws-secret-access-key": "aws_secret_" + "access_key = " + _some(39) + "7",
    "aws-session-token": "AWS_SESSION_" + "TOKEN=" + _some(300),
    "theseller-secret": "theseller" + "-1." + _some(32, HEX) + "." + _some(43),
    "theseller-root-key": "theseller-root" + "-1.production." + _some(32, HEX) + "." + _some(43),
    "session-key": "SECRET" + "_KEY = '" + _some(49) + "7'",
    "postgres-password": "postgresql" + "://web:" + _some(20) + "@db.example:5432/theseller",
    "openbao-token": "hv" + "s." + _some(91),
    "age-key": "AGE-SECRET-KEY" + "-1" + _some(58, string.ascii_uppercase + string.digits),
    "private-key": "-----BEGIN EC PRIVATE" + " KEY-----",
    "json-web-token": _jwt(),
    "github-token": "gh" + "p_" + _some(36),
    "github-fine-grained-token": "github" + "_pat_" + _some(22) + "_" + _some(59),
    "gitlab-token": "gl" + "pat-" + _some(19) + "7",
    "npm-token": "np" + "m_" + _some(36),
    "pypi-token": "py" + "pi-AgEIcHlwaS5vcmc" + _some(120),
    "slack-token": (
        "xoxb-" + "-".join((_some(11, string.digits), _some(12, string.digits), _some(24)))
    ),
    "slack-webhook": (
        "https://hooks.slack.com/services/" + "/".join(("T" + _some(8), "B" + _some(8), _some(24)))
    ),
    "stripe-key": "sk" + "_live_" + _some(32),
    "sendgrid-key": "S" + "G." + _some(22) + "." + _some(43),
    "twilio-key": "S" + "K" + _some(32, HEX),
    "google-api-key": "AI" + "za" + _some(35),
    "google-client-secret": "GOC" + "SPX-" + _some(28),
    "azure-storage-key": "Account" + "Key=" + _some(86) + "==",
    "openai-key": "s" + "k-proj-" + _some(40) + "T3Blbk" + "FJ" + _some(40),
    "anthropic-key": "s" + "k-ant-api03-" + _some(93) + "AA",
    "hugging-face-token": "h" + "f_" + _some(34),
    "digitalocean-token": "do" + "p_v1_" + _some(64, HEX),
    "supabase-key": "sb" + "p_" + _some(40, HEX),
    "shopify-token": "shp" + "at_" + _some(32, HEX),
    "telegram-bot-token": _some(10, string.digits) + ":A" + "A" + _some(33),
}


def _plain(secret: str) -> bytes:
    return secret.encode()


def _base64(secret: str) -> bytes:
    return base64.b64encode(secret.encode())


def _base64url(secret: str) -> bytes:
    return base64.urlsafe_b64encode(b"\xfb\xef" + secret.encode()).rstrip(b"=")


def _hexadecimal(secret: str) -> bytes:
    return secret.encode().hex().encode()


def _url_quoted(secret: str) -> bytes:
    return "".join(f"%{byte:02X}" for byte in secret.encode()).encode()


def _escaped(secret: str) -> bytes:
    return "".join(f"\\u{ord(letter):04x}" for letter in secret).encode()


def _base64_twice_wrapped(secret: str) -> bytes:
    return base64.encodebytes(base64.b64encode(b'{"auth": "' + secret.encode() + b'"}'))


ENCODINGS = (
    _plain,
    _base64,
    _base64url,
    _hexadecimal,
    _url_quoted,
    _escaped,
    _base64_twice_wrapped,
)
UTF16 = ("utf-16-le", "utf-16-be", "utf-16")
Encode = Callable[[str], bytes]


@pytest.fixture(autouse=True)
def _with_database() -> None:
    """Need none: these tests use git alone."""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return an empty repository whose hooks are this one's."""
    _git(tmp_path, "init", "-q", ".")
    for key, value in (
        ("user.name", "Alice"),
        ("user.email", "alice@shop.example"),
        ("core.hooksPath", str(ROOT / ".githooks")),
    ):
        _git(tmp_path, "config", key, value)
    return tmp_path


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {
        "GIT_CONFIG_GLOBAL": os.devnull
    }


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=_environment(),
    )


def _scan(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "bin" / "secret-scan"), *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=_environment()
    )


def _planted() -> Iterator[tuple[str, str, bytes]]:
    for rule, secret in SAMPLES.items():
        for encode in ENCODINGS:
            yield (
                rule,
                f"{rule}.{encode.__name__.strip('_')}",
                b"fine = 1\nvalue: " + encode(secret) + b"\nfine = 2\n",
            )
        for encoding in UTF16:
            yield (
                rule,
                f"{rule}.{encoding}",
                f"fine = 1\nvalue: {secret}\nfine = 2\n".encode(encoding),
            )


def test_every_rule_has_a_sample_and_there_are_enough() -> None:
    assert set(SAMPLES) == {rule.name for rule in RULES}
    assert len(SAMPLES) >= 20
    assert len(ENCODINGS) >= 5


@pytest.mark.parametrize("rule", SAMPLES)
def test_a_secret_is_found_in_every_encoding_at_its_line(rule: str) -> None:
    for planted, name, content in _planted():
        if planted == rule:
            places = {finding.line for finding in look(name, content) if finding.rule == rule}
            assert places, name
            assert places <= {2, 3}, name


def test_the_hook_and_the_command_refuse_every_format_in_every_encoding(clone: Path) -> None:
    names = []
    for _, name, content in _planted():
        (clone / name).write_bytes(content)
        names.append(name)
    _git(clone, "add", ".")
    commit = _git(clone, "commit", "-q", "-m", "Keys")
    command = _scan(clone)
    for answer in (commit.stdout + commit.stderr, command.stdout):
        assert [name for name in names if f"{name}:" not in answer] == []
        assert [
            rule
            for rule, secret in SAMPLES.items()
            if rule != "private-key" and secret[-16:] in answer
        ] == []
    assert commit.returncode == command.returncode == 1
    assert _git(clone, "rev-parse", "-q", "--verify", "HEAD").returncode != 0, "the commit was made"


@pytest.mark.parametrize("encode", ENCODINGS[:5], ids=lambda encode: encode.__name__.strip("_"))
def test_commit_hook_refuses_a_commit_with_one_secret(clone: Path, encode: Encode) -> None:
    (clone / "notes.md").write_bytes(
        b"The token:\n\n" + encode(SAMPLES["amazon-refresh-token"]) + b"\n"
    )
    _git(clone, "add", ".")
    answer = _git(clone, "commit", "-q", "-m", "Notes")
    assert answer.returncode == 1
    assert "notes.md:3: amazon-refresh-token" in answer.stdout + answer.stderr


def test_the_hook_scans_staged_content_and_not_the_disk(clone: Path) -> None:
    note = clone / "a b\nc.txt"
    note.write_text(SAMPLES["github-token"])
    _git(clone, "add", ".")
    note.write_text("Taken out on the disk only.")
    assert _git(clone, "commit", "-q", "-m", "Note").returncode == 1
    _git(clone, "add", ".")
    note.write_text(SAMPLES["github-token"])
    assert _git(clone, "commit", "-q", "-m", "Note").returncode == 0


def test_secret_committed_without_the_hook_is_found_in_files_and_in_history(clone: Path) -> None:
    (clone / "keys.env").write_text(SAMPLES["aws-secret-access-key"])
    _git(clone, "add", ".")
    assert _git(clone, "commit", "-q", "--no-verify", "-m", "Keys").returncode == 0
    assert _scan(clone).returncode == 1
    (clone / "keys.env").write_text("gone")
    assert _git(clone, "commit", "-q", "-a", "-m", "Without keys").returncode == 0
    assert _scan(clone).returncode == 0
    past = _scan(clone, "--history")
    assert (past.returncode, "keys.env@" in past.stdout) == (1, True)


def test_text_that_only_resembles_a_secret_passes(clone: Path) -> None:
    (clone / "fine.md").write_text(
        "Atzr|short, postgresql://user:password@host/db, postgresql://web:{password}@host/db,"
        " postgresql://web:$PASSWORD@host/db\nSECRET_KEY = 'not-random-at-all-but-long-enough'\n"
        + ("AK" + "IAIOSFODNN7EXAMPLE")
        + f"\nsha256:{_some(64, HEX)} {_some(128)} task_token_of_the_thing_that_waits_for_nothing\n"
        + f"{base64.b64encode(b'Only a sentence, in base64, about nothing at all.').decode()}"
        f" {quote('Olga & Bob | 100 %')}\n"
    )
    _git(clone, "add", ".")
    answer = _git(clone, "commit", "-q", "-m", "Fine")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert _scan(clone).returncode == 0


def test_allow_list_entry_without_reason_or_match_is_an_error(clone: Path) -> None:
    (clone / "sample.txt").write_text(SAMPLES["npm-token"])
    allowed = clone / "tools" / "secret_scan" / "allowed.txt"
    allowed.parent.mkdir(parents=True)
    allowed.write_text(
        "# why\nsample.* | npm-token | an example that the registry's documents give\n"
    )
    assert _scan(clone).returncode == 0
    (clone / "sample.txt").write_text("nothing")
    unused = _scan(clone)
    assert (unused.returncode, "allows nothing" in unused.stdout) == (1, True)
    allowed.write_text("sample.* | npm-token\n")
    wrong = _scan(clone)
    assert (wrong.returncode, "allowed.txt:1" in wrong.stderr) == (2, True)


def test_a_scan_that_could_not_read_its_files_fails(clone: Path, tmp_path: Path) -> None:
    assert _scan(clone).returncode == 1, "nothing was scanned"
    assert _scan(clone, "absent.txt").returncode == 2
    assert [finding.rule for finding in look("huge.bin", bytes(BYTES_MAX + 1))] == ["too-large"]


@pytest.mark.timeout(120)
def test_secret_scan_of_a_hostile_line_takes_linear_time() -> None:
    """Scan lines on which a careless rule takes quadratic time: hours for the largest file."""
    for part in (
        "sk-",
        "eyJ",
        "postgres" + "://a:",
        "secret_key=",
        "-----BEGIN ",
        "Atzr" + "|",
        "0x41,",
        "%41",
        "&amp;",
        "QUJD",
    ):
        assert len(look("hostile.txt", (part * (150_000 // len(part))).encode())) <= 1


@pytest.mark.parametrize("own", ["nothing", "a path", "a hook"])
def test_setup_installs_the_hook_and_replaces_no_other(tmp_path: Path, own: str) -> None:
    _git(tmp_path, "init", "-q", ".")
    (tmp_path / "bin").mkdir()
    shutil.copy(ROOT / "bin" / "hooks", tmp_path / "bin" / "hooks")
    if own == "a path":
        _git(tmp_path, "config", "core.hooksPath", "mine")
    if own == "a hook":
        (tmp_path / ".git" / "hooks").mkdir(exist_ok=True)
        (tmp_path / ".git" / "hooks" / "pre-commit").write_text("#!/bin/sh\n")
    for _ in range(2):
        answer = subprocess.run(
            [str(tmp_path / "bin" / "hooks")],
            capture_output=True,
            text=True,
            check=True,
            env=_environment(),
        )
        assert ("your own" in answer.stderr) == (own != "nothing")
    expected = {"nothing": ".githooks", "a path": "mine", "a hook": ""}
    assert _git(tmp_path, "config", "core.hooksPath").stdout.strip() == expected[own]


def test_bin_setup_and_bin_check_install_and_run_the_secret_scan() -> None:
    assert os.access(ROOT / ".githooks" / "pre-commit", os.X_OK)
    assert "bin/hooks" in (ROOT / "bin" / "setup").read_text()
    assert "bin/secret-scan" in (ROOT / "bin" / "check").read_text()
    assert "bin/secret-scan --history" in (ROOT / "bin" / "ci").read_text()


@pytest.mark.parametrize(
    "arguments",
    # The build server scans the history before the tests: bin/ci.
    [(), pytest.param(("--history",), marks=pytest.mark.exhaustive)],
    ids=["now", "ever"],
)
def test_this_repository_is_clean(arguments: tuple[str, ...]) -> None:
    answer = _scan(ROOT, *arguments)
    assert answer.returncode == 0, answer.stdout + answer.stderr
