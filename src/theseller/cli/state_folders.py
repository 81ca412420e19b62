"""State folders, and the mark that names their environment.

The mark is the file `.theseller-state` with the environment's name. A command that runs as another
environment refuses the folder, and only a folder marked `demo` is ever deleted.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from theseller.cli.errors import CommandError
from theseller.config.environment import EnvironmentKind, read_environment_kind
from theseller.crypto.root_keys import ROOT_KEY_NAME, root_key_environment
from theseller.lib.state_file_names import IMPORT_FOLDER

REPOSITORY = Path(__file__).resolve().parents[3]
MARKER = ".theseller-state"
#: What docs/operate/backups.md has copied to another machine; a hidden file is easily missed.
_RESTORED_ENTRIES = {"secrets", "keys", "erasures", "audit", "backups"}


def state_folder(environ: Mapping[str, str]) -> Path:
    """Return THESELLER_STATE, by default `state` in the checkout.

    It may not exist.
    """
    return Path(environ.get("THESELLER_STATE") or REPOSITORY / "state").expanduser().resolve()


def make_state_folder(state: Path) -> None:
    """Make the state folder and mark it as this environment's.

    The mark of an earlier version, which is empty, is filled in.

    Raises:
        CommandError: it exists, is not empty and was not made by us; or it is another
            environment's; or a demo is to use a folder with an empty mark, and nothing in the
            folder proves that it is a demo's; or an import into it is not finished.
    """
    refuse_unfinished_import(state)
    if state.exists() and not state.is_dir():
        raise CommandError(
            f"{state} is a file, not a folder.", "Choose a folder with THESELLER_STATE."
        )
    foreign = (
        state.is_dir()
        and not is_state_folder(state)
        and any(not _is_empty_static_folder(entry) for entry in state.iterdir())
    )
    if foreign and not is_restored_copy(state):
        raise CommandError(
            f"{state} exists, is not empty and is not a state folder of TheSeller.",
            "Choose an empty folder with THESELLER_STATE.",
        )
    kind = read_environment_kind(os.environ)
    refuse_other_environment(state)
    if (
        kind is EnvironmentKind.DEMO
        and is_state_folder(state)
        and marked_environment(state) is None
        and len(list(state.iterdir())) > 1
    ):
        raise CommandError(
            f"{state} was made by an earlier version, and nothing in it shows that it belongs to a"
            " demo.",
            "Choose another folder with THESELLER_STATE, or set THESELLER_ENV to what this"
            " deployment is.",
        )
    # As root it can be passed through, not listed: the database runs as an unprivileged user and
    # must reach its data.
    state.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    mark_state_folder(state)


def mark_state_folder(state: Path) -> None:
    """Mark an existing folder as this environment's, if it has no mark yet."""
    kind = read_environment_kind(os.environ)
    marker = state / MARKER
    if not marker.is_file() or not marker.read_bytes():
        descriptor = os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{kind.value}\n")
            file.flush()
            os.fsync(file.fileno())


def is_restored_copy(state: Path) -> bool:
    """Return whether `state` has no mark and is a copy of a state folder.

    It must contain nothing else. The root key of this environment proves it or, where secrets and
    keys are in a service, the erasure journal.
    """
    if is_state_folder(state) or not state.is_dir():
        return False
    names = {path.name for path in state.iterdir()}
    if not names or not names <= _RESTORED_ENTRIES:
        return False
    if "secrets" in names:
        try:
            text = (state / "secrets" / ROOT_KEY_NAME).read_text(errors="replace")
        except OSError:
            return False
        return root_key_environment(text) == read_environment_kind(os.environ)
    return read_environment_kind(os.environ).guarded and bool(names & {"erasures", "audit"})


def _is_empty_static_folder(entry: Path) -> bool:
    """Return whether this is the empty folder of an earlier `serve`.

    That version made it before anything marked the state folder.
    """
    return (
        entry.name == "static"
        and entry.is_dir()
        and not entry.is_symlink()
        and not any(entry.iterdir())
    )


def is_state_folder(state: Path) -> bool:
    """Say whether `state` is marked as a state folder of TheSeller."""
    return (state / MARKER).is_file()


def marked_environment(state: Path) -> str | None:
    """Return the environment of a state folder, or None.

    By its mark, else by its root key; None if neither says.
    """
    with contextlib.suppress(FileNotFoundError):
        if found := (state / MARKER).read_text(errors="replace").strip():
            return found
        return root_key_environment((state / "secrets" / ROOT_KEY_NAME).read_text(errors="replace"))
    return None


def refuse_other_environment(state: Path) -> None:
    """Check that `state` belongs to the environment of this process.

    Raises:
        CommandError: it does not, or an import into it is not finished. Nothing is read or changed
            then.
    """
    refuse_unfinished_import(state)
    kind, found = (
        read_environment_kind(os.environ).value,
        marked_environment(state) if is_state_folder(state) else None,
    )
    if found is not None and found != kind:
        raise CommandError(
            f"The state folder {state} belongs to the environment {found!r}, and this process runs"
            f" as {kind!r}. Nothing was changed.",
            f"Set THESELLER_ENV={found}, or name another folder with THESELLER_STATE.",
        )


def refuse_unfinished_import(state: Path) -> None:
    """Check that no import of an export was interrupted in this folder.

    Raises:
        CommandError: one was, or is running: secrets and keys are not complete.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if any((state / IMPORT_FOLDER).iterdir()):
            raise CommandError(
                f"An import into {state} was interrupted, or is running.",
                "Run `theseller state import` again: it finishes it, or begins again.",
            )
