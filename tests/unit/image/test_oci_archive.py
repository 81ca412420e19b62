"""The archive of an image: every digest in it is that of what it names."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

from tools.image.build_image import RUN
from tools.image.layers import write_layer
from tools.image.oci_archive import ImageArchive, write_archive

EPOCH = 1795168800


def _archive(folder: Path) -> ImageArchive:
    layers = []
    for name in ("system", "program"):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_text(name)
        layers.append(write_layer(folder / name, folder / f"{name}.gz", epoch=EPOCH, ownerships={}))
    return write_archive(
        folder / "image.tar", layers, RUN, name="localhost/theseller:0.1.0", epoch=EPOCH,
        annotations={"org.opencontainers.image.version": "0.1.0"},
    )  # fmt: skip


def _content(image: ImageArchive) -> dict[str, bytes]:
    with tarfile.open(image.file) as archive:
        return {
            one.name: file.read()
            for one in archive
            if (file := archive.extractfile(one)) is not None
        }


def _blob(files: dict[str, bytes], digest: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files[f"blobs/sha256/{digest.removeprefix('sha256:')}"])
    return document


def test_an_image_is_written_twice_with_the_same_bytes(tmp_path: Path) -> None:
    first, second = _archive(tmp_path / "a"), _archive(tmp_path / "another folder")
    assert first.file.read_bytes() == second.file.read_bytes()
    assert (first.digest, first.image_id) == (second.digest, second.image_id)


def test_index_manifest_and_configuration_name_what_is_there(tmp_path: Path) -> None:
    image = _archive(tmp_path)
    files = _content(image)
    for name, content in files.items():
        if name.startswith("blobs/"):
            assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    [entry] = json.loads(files["index.json"])["manifests"]
    assert entry["digest"] == f"sha256:{image.digest}"
    assert entry["annotations"]["org.opencontainers.image.ref.name"] == "0.1.0"
    manifest = _blob(files, entry["digest"])
    described = [manifest["config"], *manifest["layers"], entry]
    assert {one["digest"]: one["size"] for one in described} == {
        f"sha256:{name.rpartition('/')[2]}": len(content)
        for name, content in files.items()
        if name.startswith("blobs/")
    }
    assert manifest["config"]["digest"] == f"sha256:{image.image_id}"
    config = _blob(files, image.image_id)
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    assert len(config["rootfs"]["diff_ids"]) == len(manifest["layers"]) == 2
    # What `docker load` reads if it does not know the index.
    [docker] = json.loads(files["manifest.json"])
    assert docker["RepoTags"] == [image.name]
    named = [docker["Config"], *docker["Layers"]]
    assert named == [
        f"blobs/sha256/{one['digest'].removeprefix('sha256:')}" for one in described[:3]
    ]


def test_the_program_is_started_as_an_account_without_rights(tmp_path: Path) -> None:
    image = _archive(tmp_path)
    started = _blob(_content(image), image.image_id)["config"]
    assert started["User"] == "10001:10001"
    assert started["Entrypoint"] == ["/opt/theseller/.venv/bin/theseller"]
    assert "THESELLER_CONFIG=/etc/theseller/theseller.env" in started["Env"]
    assert not [one for one in started["Env"] if "SECRET" in one or "PASSWORD" in one]
    # A folder named here would become a volume without a name at each start.
    assert "Volumes" not in started
