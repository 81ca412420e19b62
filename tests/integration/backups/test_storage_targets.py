"""A folder and a bucket keep objects whole or not at all, return, list and delete them.

One suite over both.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.crypto import deployments
from tests.integration.crypto.services import Moto

from theseller.backups.storage_targets import (
    DirectoryTarget,
    S3Target,
    Target,
    TargetError,
    make_target,
)

#: More than one part of an upload (16 MiB).
LARGE = bytes(range(256)) * (17 * 4096)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in deployments.quiet_credentials().items():
            patch.setenv(name, value)
        server = Moto(tmp_path_factory.mktemp("moto"))
        try:
            where = {"LocationConstraint": "eu-central-1"}
            server.client("s3").create_bucket(Bucket="backups", CreateBucketConfiguration=where)
            yield server.address
        finally:
            server.stop()


@pytest.fixture(params=["folder", "bucket"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    if request.param == "folder":
        return DirectoryTarget(tmp_path / "backups")
    endpoint = request.getfixturevalue("bucket")
    return S3Target("backups", tmp_path.name, region="eu-central-1", endpoint=endpoint)


def read(target: Target, name: str) -> bytes:
    return b"".join(target.get(name))


@pytest.mark.parametrize(
    "content",
    [[], [b"a"], [b"ab", b"", b"c"], [LARGE, b"tail"]],
    ids=["empty", "one", "pieces", "large"],
)
def test_a_stored_object_is_returned_unchanged(target: Target, content: list[bytes]) -> None:
    assert target.put("one/base", content) == sum(map(len, content))
    assert read(target, "one/base") == b"".join(content)


def test_put_with_the_same_name_replaces_the_object(target: Target) -> None:
    target.put("one/base", [b"old"])
    target.put("one/base", [b"new"])
    assert read(target, "one/base") == b"new"
    assert target.names() == ("one/base",)


def test_objects_are_listed_by_prefix_and_deleted(target: Target) -> None:
    for name in ("one/base", "one/wal/a", "one/wal/b", "two/base"):
        target.put(name, [b"x"])
    assert target.names("one/wal/") == ("one/wal/a", "one/wal/b")
    target.delete("one/wal/a")
    target.delete("one/wal/a")
    assert target.names() == ("one/base", "one/wal/b", "two/base")
    with pytest.raises(TargetError, match="no object one/wal/a"):
        read(target, "one/wal/a")


@pytest.mark.parametrize("already", [b"", LARGE], ids=["at once", "after a part"])
def test_put_with_a_failing_source_stores_no_object(target: Target, already: bytes) -> None:
    def failing() -> Iterator[bytes]:
        yield already
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="broke"):
        target.put("one/base", failing())
    assert target.names() == ()


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../out", "one/../../out", "one//two", ".hidden", "a/b/c/d/e"]
)
def test_object_name_outside_the_backup_target_is_refused(target: Target, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        target.put(name, [b"x"])


def test_backup_folder_readable_by_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir(mode=0o755)
    (tmp_path / "one").chmod(0o755)
    with pytest.raises(Exception, match="chmod 700"):
        DirectoryTarget(tmp_path).put("one/base", [b"x"])


def test_partial_file_is_not_listed_and_is_deleted_with_its_folder(tmp_path: Path) -> None:
    target = DirectoryTarget(tmp_path / "backups")
    target.put("one/base", [b"x"])
    (tmp_path / "backups" / "one" / ".writing-0123").write_bytes(b"half")
    assert target.names() == ("one/base",)
    target.delete("one/base")
    assert list((tmp_path / "backups").iterdir()) == []


def test_missing_s3_bucket_raises_target_error(bucket: str) -> None:
    with pytest.raises(TargetError, match="NoSuchBucket"):
        S3Target("absent", "", region="eu-central-1", endpoint=bucket).put("one/base", [b"x"])


@pytest.mark.parametrize(
    "address", ["", "backups", "ftp://host/x", "s3://", "s3://bucket/prefix?secret=1"]
)
def test_unsupported_backup_target_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="backup target"):
        make_target(address)
