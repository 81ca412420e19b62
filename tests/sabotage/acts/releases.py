"""Section 10: what is installed, and the release that it is compared with."""

from __future__ import annotations

import marshal
import os
import py_compile
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from tests.releases import install, record_digest, sign_again
from tests.sabotage.saboteurs import Tools, blinds, breaks

from theseller.config.release_settings import ReleaseSettings
from theseller.crypto.canonical_json_signing import SigningKey
from theseller.releases import installed_files
from theseller.releases.release_files import parse_manifest


def _site() -> Path:
    """Return the folder of the deployment's installed distributions."""
    return installed_files.running_installation().sites[0]


def _release() -> Path:
    folder = settings.RELEASE.folder
    assert isinstance(folder, Path)
    return folder


@contextmanager
def _changed(path: Path, change: Callable[[bytes], bytes | None]) -> Iterator[None]:
    """Change or remove a file, and put it back with its time."""
    before, status = path.read_bytes(), path.stat()
    after = change(before)
    if after is None:
        path.unlink()
    else:
        path.write_bytes(after)
    os.utime(path.parent)
    yield
    path.write_bytes(before)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _flip(content: bytes) -> bytes:
    return content[:-2] + bytes([content[-2] ^ 1]) + content[-1:]


for _name, _does, _change in (
    ("theseller/sql/tables.sql", "changes a byte of a file of the program", _flip),
    ("theseller/module.py", "removes a file of the program", lambda _content: None),
    ("theseller-0.1.0.dist-info/METADATA", "changes the program's metadata",
     lambda content: content + b"x"),
    ("sample/more.py", "changes a byte of a file of a dependency", _flip),
    ("sample/more.py", "removes a file of a dependency", lambda _content: None),
    ("Sample-1.0.dist-info/METADATA", "replaces a dependency by another version",
     lambda content: content.replace(b"1.0", b"1.1")),
    ("Sample-1.0.dist-info/RECORD", "removes the record of a dependency", lambda _content: None),
    ("Sample-1.0.dist-info/RECORD", "removes the digests from the record of a dependency",
     lambda content: b"".join(
         line.split(b",")[0] + b",,\n" for line in content.splitlines())),
    ("theseller-0.1.0.dist-info/RECORD", "records one more file as the program's",
     lambda content: content + b"more.py,sha256=x,1\n"),
):  # fmt: skip

    @breaks("sdl-installed", _does)
    def _file(
        tools: Tools, name: str = _name, change: Callable[[bytes], bytes | None] = _change
    ) -> Iterator[None]:
        del tools
        with _changed(_site() / name, change):
            yield


@breaks("sdl-installed", "changes a file of a dependency together with its record")
def _with_record(tools: Tools) -> Iterator[None]:
    del tools
    changed = b"LIMIT = 99\n"
    record = _site() / "Sample-1.0.dist-info" / "RECORD"
    source = _site() / "sample" / "more.py"
    [compiled] = (source.parent / "__pycache__").glob("more.*.pyc")
    digests = record_digest(source.read_bytes()).encode(), record_digest(changed).encode()
    with (
        _changed(source, lambda _content: changed),
        _changed(record, lambda before: before.replace(*digests)),
        _changed(compiled, lambda _content: None),
    ):
        yield


@breaks("sdl-installed", "adds a file to a dependency together with its record")
def _more_recorded(tools: Tools) -> Iterator[None]:
    del tools
    path = _site() / "sample" / "less.py"
    path.write_bytes(b"")
    line = f"sample/less.py,{record_digest(b'')},0\n".encode()
    with _changed(_site() / "Sample-1.0.dist-info" / "RECORD", lambda before: before + line):
        yield
    path.unlink()


@breaks("sdl-installed", "replaces the wheel of a dependency")
def _wheel(tools: Tools) -> Iterator[None]:
    del tools
    with _changed(_release() / "wheels" / "Sample-1.0-py3-none-any.whl", lambda one: one + b"x"):
        yield


@breaks("sdl-installed", "adds a module to the program")
def _added(tools: Tools) -> Iterator[None]:
    del tools
    path = _site() / "theseller" / "more.py"
    path.touch()
    yield
    path.unlink()


@breaks("sdl-installed", "adds a file that Python runs at each start")
def _customized(tools: Tools) -> Iterator[None]:
    del tools
    path = _site() / "sitecustomize.py"
    path.touch()
    yield
    path.unlink()


for _module in ("theseller/module.py", "sample/more.py"):

    @breaks("sdl-installed", f"compiles other code for {_module}")
    def _compiled(tools: Tools, name: str = _module) -> Iterator[None]:
        source, other = _site() / name, tools.folder / "other.py"
        other.write_bytes(source.read_bytes().replace(b"42", b"43").replace(b"10", b"99"))
        compiled = Path(py_compile.compile(str(other), cfile=str(tools.folder / "other.pyc")) or "")
        [target] = (source.parent / "__pycache__").glob(f"{source.stem}.*.pyc")
        assert marshal.loads(compiled.read_bytes()[16:]) != marshal.loads(target.read_bytes()[16:])  # noqa: S302
        # The header stays, so that Python takes it for the source's.
        with _changed(target, lambda before: before[:16] + compiled.read_bytes()[16:]):
            yield


@breaks("sdl-installed", "adds a compiled module without a source")
def _no_source(tools: Tools) -> Iterator[None]:
    del tools
    folder = _site() / "sample" / "__pycache__"
    [one] = folder.glob("more.*.pyc")
    added = folder / one.name.replace("more", "less")
    shutil.copy(one, added)
    yield
    added.unlink()


@breaks("sdl-installed", "installs a distribution that is not pinned")
def _unpinned(tools: Tools) -> Iterator[None]:
    del tools
    install(_site(), "more-1.0", {"more-1.0.dist-info/METADATA": b"Name: more\nVersion: 1.0\n"})
    yield
    shutil.rmtree(_site() / "more-1.0.dist-info")


@breaks("sdl-installed", "installs a dependency a second time, in another version")
def _twice(tools: Tools) -> Iterator[None]:
    del tools
    install(
        _site(), "Sample-0.9", {"Sample-0.9.dist-info/METADATA": b"Name: Sample\nVersion: 1.0\n"}
    )
    yield
    shutil.rmtree(_site() / "Sample-0.9.dist-info")


@breaks("sdl-installed", "removes a dependency")
def _removed(tools: Tools) -> Iterator[None]:
    for name in ("sample", "Sample-1.0.dist-info"):
        shutil.move(_site() / name, tools.folder / name)
    yield
    for name in ("sample", "Sample-1.0.dist-info"):
        shutil.move(tools.folder / name, _site() / name)


@breaks("sdl-installed", "has Python search another folder for modules")
def _path(tools: Tools) -> Iterator[None]:
    more = replace(installed_files.running_installation(), other_folders=(tools.folder,))
    tools.patch.setattr(installed_files, "running_installation", lambda: more)
    yield


@breaks("sdl-installed", "changes the manifest after it was signed")
def _manifest(tools: Tools) -> Iterator[None]:
    del tools
    with _changed(_release() / "manifest.json", _flip):
        yield


@breaks("sdl-installed", "changes the list of pinned packages after it was signed")
def _pins(tools: Tools) -> Iterator[None]:
    del tools
    with _changed(_release() / "requirements-run.txt", lambda before: before + b"\n"):
        yield


@breaks("sdl-installed", "signs a manifest of the changed program with another key")
def _other_key(tools: Tools) -> Iterator[None]:
    folder = tools.folder / "release"
    shutil.copytree(_release(), folder)
    shutil.rmtree(folder / "wheels")
    manifest = parse_manifest((folder / "manifest.json").read_bytes())
    sign_again(folder, manifest, SigningKey(Ed25519PrivateKey.generate()))
    tools.patch.setattr(settings, "RELEASE", ReleaseSettings(folder, settings.RELEASE.key))
    yield


@blinds("sdl-installed", "names no release, as in a checkout")
def _none(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(settings, "RELEASE", ReleaseSettings())
    yield


for _name in ("release/manifest.json", "release.pub"):

    @blinds("sdl-installed", f"removes {_name.rpartition('/')[2]}")
    def _away(tools: Tools, name: str = _name) -> Iterator[None]:
        del tools
        with _changed(_release().parent / name, lambda _content: None):
            yield


@blinds("sdl-installed", "overlooks files that no distribution has")
def _overlooks(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(installed_files, "_of_sites", lambda *_arguments: iter(()))
    yield
