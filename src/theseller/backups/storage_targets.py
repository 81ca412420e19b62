"""Where backups are stored: a folder, or a bucket with the S3 protocol.

A target stores sealed bytes only and is not trusted.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from theseller.crypto.key_service_client_helpers import library
from theseller.crypto.private_files import private_directory, sync_directory
from theseller.lib.state_file_names import UNFINISHED_PREFIX, unfinished_name

_PIECE = 1024 * 1024
#: S3 takes parts from 5 MiB; 10,000 of them, so an object of up to 160 GiB.
_PART = 16 * _PIECE
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,80}(/[0-9A-Za-z][0-9A-Za-z._-]{0,80}){0,3}")


class TargetError(RuntimeError):
    """The target cannot answer, or lacks what was requested.

    The message says what to do.
    """


class AbsentError(TargetError):
    """The target answers, and has no such object."""


class Target(Protocol):
    """Named objects. A name is one to four parts with slashes between."""

    @property
    def title(self) -> str:
        """Name of this target for people, without a secret."""

    def put(self, name: str, content: Iterable[bytes]) -> int:
        """Store `content` completely or not at all; return its length.

        It replaces an object of the same name. An error of `content` is not caught.
        """

    def get(self, name: str) -> Iterator[bytes]:
        """Yield an object's content. Raises TargetError if there is none."""

    def names(self, prefix: str = "") -> tuple[str, ...]:
        """Return the names that begin with `prefix`, sorted."""

    def delete(self, name: str) -> None:
        """Remove an object; again is harmless."""


class DirectoryTarget:
    """A private folder (0700).

    It should be on another disk than the database, or better on another machine.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def title(self) -> str:
        """Path of the folder."""
        return str(self._folder)

    def put(self, name: str, content: Iterable[bytes]) -> int:
        """Write a temporary file and rename it; return the length."""
        place = self._place(name)
        private_directory(place.parent)
        beside = place.with_name(unfinished_name())
        written = 0
        try:
            with os.fdopen(
                os.open(
                    beside,
                    os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                    0o600,
                ),
                "wb",
            ) as file:
                for piece in content:
                    written += file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(place)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        sync_directory(place.parent)
        return written

    def get(self, name: str) -> Iterator[bytes]:
        """Yield an object's content.

        Raises:
            AbsentError: there is none.
        """
        try:
            with self._place(name).open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece
        except FileNotFoundError:
            raise _absent(name, self.title) from None

    def names(self, prefix: str = "") -> tuple[str, ...]:
        """Return the names that begin with `prefix`, sorted."""
        # A folder that the prefix names whole is the only one that needs to be read.
        inside = prefix.rpartition("/")[0]
        begin = self._folder / _checked(inside) if inside else self._folder
        found = (
            path.relative_to(self._folder).as_posix() for path in begin.rglob("*") if path.is_file()
        )
        return tuple(
            sorted(name for name in found if name.startswith(prefix) and _NAME.fullmatch(name))
        )

    def delete(self, name: str) -> None:
        """Delete an object, unfinished files beside it, and empty folders."""
        place = self._place(name)
        place.unlink(missing_ok=True)
        # Unfinished files of a killed writer are deleted with the object, and so is an empty
        # folder.
        for parent in [
            above
            for above in place.parents
            if above.is_relative_to(self._folder) and above != self._folder
        ]:
            for leftover in parent.glob(UNFINISHED_PREFIX + "*"):
                leftover.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                parent.rmdir()

    def _place(self, name: str) -> Path:
        return self._folder / _checked(name)


class S3Target:
    """A bucket of Amazon S3 or of a service with the same protocol.

    AWS's own library finds the credentials, in its own order.
    """

    def __init__(self, bucket: str, prefix: str, *, region: str, endpoint: str = "") -> None:
        self._bucket, self._prefix = bucket, prefix.strip("/")
        self._region, self._endpoint = region, endpoint
        self._known: Any = None

    @property
    def title(self) -> str:
        """Address of the bucket and prefix, without credentials."""
        return f"s3://{self._bucket}/{self._prefix}"

    def put(self, name: str, content: Iterable[bytes]) -> int:
        """Upload in parts and return the length; memory stores one part.

        An interrupted upload is aborted and never visible.
        """
        key = self._key(name)
        upload = self._call("create_multipart_upload", Key=key)["UploadId"]
        parts: list[dict[str, object]] = []
        written = 0
        try:
            for number, part in enumerate(_parts(content), start=1):
                tag = self._call(
                    "upload_part", Key=key, UploadId=upload, PartNumber=number, Body=part
                )["ETag"]
                parts.append({"PartNumber": number, "ETag": tag})
                written += len(part)
            self._call(
                "complete_multipart_upload",
                Key=key,
                UploadId=upload,
                MultipartUpload={"Parts": parts},
            )
        except BaseException:
            with contextlib.suppress(TargetError):
                self._call("abort_multipart_upload", Key=key, UploadId=upload)
            raise
        return written

    def get(self, name: str) -> Iterator[bytes]:
        """Yield an object's content.

        Raises:
            TargetError: there is none, or the connection was interrupted.
        """
        body = self._call("get_object", Key=self._key(name), absent=name)["Body"]
        try:
            yield from body.iter_chunks(_PIECE)
        # the library's errors of a broken connection have no common base
        except Exception as error:  # noqa: BLE001
            raise TargetError(f"{self.title} failed ({type(error).__name__}): try again") from None
        finally:
            body.close()

    def names(self, prefix: str = "") -> tuple[str, ...]:
        """Return the names that begin with `prefix`, sorted."""
        whole = f"{self._prefix}/{prefix}" if self._prefix else prefix
        found: list[str] = []
        token: dict[str, str] = {}
        while True:
            page = self._call("list_objects_v2", Prefix=whole, **token)
            found += [entry["Key"] for entry in page.get("Contents", ())]
            if not page.get("IsTruncated"):
                break
            token = {"ContinuationToken": page["NextContinuationToken"]}
        cut = len(self._prefix) + 1 if self._prefix else 0
        return tuple(sorted(name for key in found if _NAME.fullmatch(name := key[cut:])))

    def delete(self, name: str) -> None:
        """Delete the object and, in a bucket with versions, each version of it.

        An older version is a copy, too.
        """
        key = self._key(name)
        for upload in self._call("list_multipart_uploads", Prefix=key).get("Uploads", ()):
            self._call("abort_multipart_upload", Key=upload["Key"], UploadId=upload["UploadId"])
        self._call("delete_object", Key=key)
        page = self._call("list_object_versions", Prefix=key)
        for entry in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            if entry["Key"] == key and entry.get("VersionId", "null") != "null":
                self._call("delete_object", Key=key, VersionId=entry["VersionId"])

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{_checked(name)}" if self._prefix else _checked(name)

    def _call(self, verb: str, *, absent: str = "", **parameters: object) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client(), verb)(
                Bucket=self._bucket, **parameters
            )
        # boto's own classes can be named only where boto is installed
        except Exception as error:  # noqa: BLE001
            code = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
            if absent and code in {"NoSuchKey", "404"}:
                raise _absent(absent, self.title) from None
            raise TargetError(
                f"{self.title} answers {code} to {verb}: look at bucket, region and the role's"
                " policy"
            ) from None
        return answer

    def _client(self) -> Any:  # the library has no types  # noqa: ANN401
        if self._known is None:
            config = library("botocore.config", "aws").Config(
                connect_timeout=10,
                read_timeout=60,
                retries={"mode": "standard", "total_max_attempts": 4},
            )
            session = library("boto3", "aws").session.Session(region_name=self._region or None)
            self._known = session.client("s3", config=config, endpoint_url=self._endpoint or None)
        return self._known


def make_target(address: str) -> Target:
    """Return the target of an address.

    Args:
        address: ``/srv/backups`` or ``s3://bucket/prefix?region=eu-central-1&endpoint=https://…``.

    Raises:
        ValueError: it is neither.
    """
    parts = urlsplit(address)
    if parts.scheme == "s3" and parts.netloc:
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if set(options) <= {"region", "endpoint"}:
            return S3Target(
                parts.netloc,
                parts.path,
                region=options.get("region", ""),
                endpoint=options.get("endpoint", ""),
            )
    if address.startswith("/"):
        return DirectoryTarget(Path(address))
    raise ValueError("a backup target is an absolute folder, or s3://BUCKET/PREFIX?region=REGION")


def _parts(content: Iterable[bytes]) -> Iterator[bytes]:
    """Yield at least one part, each but the last of the same length."""
    waiting = bytearray()
    first = True
    for piece in content:
        waiting += piece
        while len(waiting) >= _PART:
            yield bytes(waiting[:_PART])
            del waiting[:_PART]
            first = False
    if waiting or first:
        yield bytes(waiting)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name) or any(part in {".", ".."} for part in name.split("/")):
        raise ValueError("an object's name is one to four plain parts with slashes between")
    return name


def _absent(name: str, where: str) -> AbsentError:
    return AbsentError(f"{where} has no object {name}")
