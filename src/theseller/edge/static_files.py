"""Static files under versioned addresses, compressed once per process.

A page links `/static/<version>/edge/css/base.css`, where the version is a hash of all static files.
Browsers cache such a file for a year; an upgrade changes the address. The version is a folder of
the address, so relative addresses inside a style sheet work. Nothing is collected or written: the
packages contain the files.
"""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.http import HttpRequest, HttpResponseBase
from typing_extensions import override
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import Response, StaticFile

_VERSION = re.compile(r"[0-9a-f]{12}/")
_COMPRESSED = frozenset({".css", ".js", ".svg"})
#: Comments on lines of their own, and indentation: browsers ignore both.
_COMMENT = re.compile(rb"^[ \t]*(?://[^\n]*|/\*(?:[^*]|\*(?!/))*\*/[ \t]*)$", re.MULTILINE)
_INDENT = re.compile(rb"\n\s+")
#: Smaller files fit into one packet uncompressed.
_SMALLEST = 512
#: By address prefix. Files don't change while a process runs.
_registered: dict[str, dict[str, StaticFile]] = {}


def _files() -> Iterator[tuple[str, Path]]:
    for finder in finders.get_finders():
        for name, storage in finder.list(None):
            yield name, Path(storage.path(name))


@cache
def static_version() -> str:
    """Return 12 hexadecimal digits that change when any static file does."""
    digest = sha256()
    for name, path in sorted(_files()):
        digest.update(f"{name}\0{sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:12]


@cache
def _compressed(path: str) -> bytes:
    content = Path(path).read_bytes()
    if path.endswith((".css", ".js")) and ".min." not in path:
        content = _INDENT.sub(b"\n", _COMMENT.sub(b"\n", content))
    return gzip.compress(content, compresslevel=9, mtime=0)


class VersionedStorage(StaticFilesStorage):
    """Make `{% static %}` return a file's versioned address."""

    @override
    def url(self, name: str | None) -> str:
        """Return the address of a static file, with the version in it."""
        return super().url(f"{static_version()}/{name}")


class CompressedFile(StaticFile):  # type: ignore[misc]  # whitenoise ships no type information
    """A static file that is sent with gzip to clients that accept it.

    The content is public and the same for everyone.
    """

    def __init__(
        self, path: str, headers: list[tuple[str, str]], stat_cache: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(path, [*headers, ("Vary", "Accept-Encoding")], stat_cache=stat_cache)
        self._content = _compressed(path)
        _, _, plain = self.alternatives[0]
        kept = [(name, value) for name, value in plain if name != "Content-Length"]
        self._headers = [
            *kept,
            ("Content-Encoding", "gzip"),
            ("Content-Length", str(len(self._content))),
        ]

    def get_response(self, method: str, request_headers: Mapping[str, str]) -> Response:
        """Return whitenoise's response, or the compressed content."""
        accepted = re.search(
            r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))",
            request_headers.get("HTTP_ACCEPT_ENCODING", ""),
        )
        plain = super().get_response(method, request_headers)
        if plain.status != 200 or not accepted or request_headers.get("HTTP_RANGE"):
            return plain
        if plain.file is not None:
            plain.file.close()
        return Response(
            plain.status, self._headers, None if method == "HEAD" else io.BytesIO(self._content)
        )


# whitenoise ships no type information
class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    """Serve static files: versioned for a year, unversioned for a minute."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve a static file, or call the application.

        An address of another version gets the present file, not to be cached.
        """
        path = request.path_info
        found = self.files.get(path)
        if found is None and path.startswith(self.static_prefix):
            found = self.files.get(
                self.static_prefix + _VERSION.sub("", path[len(self.static_prefix) :], count=1)
            )
        response: HttpResponseBase = (
            self.get_response(request) if found is None else self.serve(found, request)
        )
        return response

    def add_files_from_finders(self) -> None:
        """Register each file under both addresses, read once per process."""
        known = _registered.get(self.static_prefix)
        if known is None:
            super().add_files_from_finders()
            for url in list(self.files):
                name = url[len(self.static_prefix) :]
                path = finders.find(name)
                versioned = f"{self.static_prefix}{static_version()}/{name}"
                self.files[versioned] = self.get_static_file(str(path), versioned)
            known = _registered[self.static_prefix] = dict(self.files)
        self.files.update(known)

    def get_static_file(
        self, path: str, url: str, stat_cache: Mapping[str, Any] | None = None
    ) -> StaticFile:
        """Return the responder for one file."""
        plain = super().get_static_file(path, url, stat_cache)
        if Path(path).suffix not in _COMPRESSED or Path(path).stat().st_size < _SMALLEST:
            return plain
        _, _, headers = plain.alternatives[0]
        kept = [
            (name, value)
            for name, value in headers
            if name not in {"Content-Length", "Last-Modified", "ETag"}
        ]
        return CompressedFile(path, kept, stat_cache)

    def immutable_file_test(self, path: str, url: str) -> bool:
        """Return whether the content at `url` can never change."""
        del path
        return url.startswith(f"{self.static_prefix}{static_version()}/")
