"""`docs/operate/settings.md` lists exactly what the program reads from its environment."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

from theseller.config.config_file import CONFIG_FILE, FILE_SETTINGS
from theseller.postgres.role_setup import LOGIN_ROLES

_ROOT = Path(__file__).resolve().parents[2]
_NAME = re.compile(r"THESELLER_[A-Z0-9_]*[A-Z0-9]|DATABASE_URL")
#: Modules that list variables which others read.
_LISTS = {"config_file.py", "setup_questions.py"}
#: Names of Django's settings, which no variable sets: `edge/page_context.py`.
_NOT_VARIABLES = {"THESELLER_NAVIGATION", "THESELLER_SIGN_OUT_URL_NAME"}
_SECRETS = (
    "root-key", "django-session-key", "tenant-ticket-key", "lwa-client-secret", "vault-secret-id",
    "vault-token", "secrets", "smtp-password", "oidc-client-secret", *(f"db-{short}" for short in LOGIN_ROLES),
)  # fmt: skip


@functools.cache
def _read_in_source() -> dict[str, set[str]]:
    """Return the variables that are a whole string in the program, with the files."""
    found: dict[str, set[str]] = {}
    for path in sorted((_ROOT / "src").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if not _NAME.search(source):
            continue
        for node in ast.walk(ast.parse(source)):
            if (
                path.name not in _LISTS
                and isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and _NAME.fullmatch(node.value)
            ):
                found.setdefault(node.value, set()).add(path.name)
    found.setdefault(CONFIG_FILE, set()).add("config_file.py")
    return {name: files for name, files in found.items() if name not in _NOT_VARIABLES}


def _documented() -> set[str]:
    """Return the variables of the settings page."""
    return set(
        _NAME.findall((_ROOT / "docs" / "operate" / "settings.md").read_text(encoding="utf-8"))
    )


def _of_secrets() -> set[str]:
    """Return the variables that are named after secrets (`crypto/environment_secrets.py`)."""
    names = {f"THESELLER_{name.upper().replace('-', '_')}" for name in _SECRETS}
    return names | {f"{name}_FILE" for name in names}


def test_every_variable_that_is_read_is_documented() -> None:
    found = _read_in_source()
    assert len(found) > 30
    assert {name: files for name, files in found.items() if name not in _documented()} == {}


def test_every_documented_variable_is_read() -> None:
    assert _documented() - _read_in_source().keys() - _of_secrets() == set()


def test_no_other_page_names_a_variable_that_this_one_lacks() -> None:
    known = {
        "THESELLER_ROTATION_SECONDS",
        "THESELLER_WRITE_DOCS",
    }  # A benchmark's; and what writes generated pages.
    known |= _documented() | _of_secrets() | {f"{name}_PREVIOUS" for name in _of_secrets()}
    named = {
        name: path.name
        for path in sorted((_ROOT / "docs" / "operate").glob("*.md"))
        for name in _NAME.findall(path.read_text(encoding="utf-8"))
    }
    assert {name: page for name, page in named.items() if name not in known} == {}


def test_the_configuration_file_may_have_every_setting_but_secrets_and_those_of_a_process() -> None:
    others = {CONFIG_FILE, "THESELLER_ROLE", "THESELLER_ADMIN_URL", "THESELLER_SECRETS"}
    assert _documented() - _of_secrets() - others == FILE_SETTINGS
