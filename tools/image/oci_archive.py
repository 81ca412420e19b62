"""Write an image as one archive that podman and Docker load.

It is an OCI image layout (image-spec 1.0) with the index that `docker load` of older versions
reads beside it.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.image.layers import Layer

ARCHITECTURE = "amd64"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True, slots=True)
class RunConfig:
    """How the image is started.

    Attributes:
        user: numbers of account and group.
        entrypoint: the program.
        command: its arguments if none are given.
        folder: the working directory.
        environment: its variables.
        port: the TCP port that it listens on.
    """

    user: str
    entrypoint: Sequence[str]
    command: Sequence[str]
    folder: str
    environment: dict[str, str]
    port: int


@dataclass(frozen=True, slots=True)
class ImageArchive:
    """An image in one file.

    Attributes:
        file: the archive.
        name: name and tag that it is loaded as.
        digest: SHA-256 of the image's manifest.
        image_id: SHA-256 of its configuration, which `podman images` shows.
        unpacked: bytes of all files in it.
    """

    file: Path
    name: str
    digest: str
    image_id: str
    unpacked: int


def write_archive(
    target: Path,
    layers: Sequence[Layer],
    run: RunConfig,
    *,
    name: str,
    epoch: int,
    annotations: dict[str, str],
) -> ImageArchive:
    """Write layers and configuration to an archive.

    Args:
        target: the file to write.
        layers: from the lowest to the highest.
        run: how it is started.
        name: name and tag, such as `localhost/theseller:0.1.0`.
        epoch: the time of the image and its files, in seconds since 1970.
        annotations: what is known of it, under the names of image-spec.
    """
    config = _json(_config(layers, run, epoch, annotations))
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, config),
            "layers": [
                {"mediaType": _LAYER, "digest": f"sha256:{one.digest}", "size": one.size}
                for one in layers
            ],
            "annotations": annotations,
        }
    )
    tag = name.rpartition(":")[2]
    reference = {"org.opencontainers.image.ref.name": tag, "io.containerd.image.name": name}
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{**_descriptor(_MANIFEST, manifest), "annotations": reference}],
    }
    files: dict[str, bytes | Path] = {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": _json(index),
        "manifest.json": _json(_docker_index(config, layers, name)),
        **{_blob(_sha256(content)): content for content in (config, manifest)},
        **{_blob(one.digest): one.file for one in layers},
    }
    _write_files(target, files, epoch)
    return ImageArchive(
        target, name, _sha256(manifest), _sha256(config), sum(one.unpacked for one in layers)
    )


def _config(
    layers: Sequence[Layer], run: RunConfig, epoch: int, annotations: dict[str, str]
) -> dict[str, Any]:
    created = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "created": created,
        "architecture": ARCHITECTURE,
        "os": "linux",
        "config": {
            "User": run.user,
            "Env": [f"{key}={value}" for key, value in sorted(run.environment.items())],
            "Entrypoint": list(run.entrypoint),
            "Cmd": list(run.command),
            "WorkingDir": run.folder,
            "ExposedPorts": {f"{run.port}/tcp": {}},
            "Labels": annotations,
            "StopSignal": "SIGTERM",
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{one.diff_id}" for one in layers]},
        "history": [{"created": created, "created_by": "bin/image"} for _ in layers],
    }


def _docker_index(config: bytes, layers: Sequence[Layer], name: str) -> list[dict[str, Any]]:
    return [
        {
            "Config": _blob(_sha256(config)),
            "RepoTags": [name],
            "Layers": [_blob(one.digest) for one in layers],
        }
    ]


def _write_files(target: Path, files: dict[str, bytes | Path], epoch: int) -> None:
    with tarfile.open(target, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for folder in ("blobs", "blobs/sha256"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, epoch
            archive.addfile(entry)
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.mode, entry.mtime = 0o644, epoch
            if isinstance(content, bytes):
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
            else:
                entry.size = content.stat().st_size
                with content.open("rb") as file:
                    archive.addfile(entry, file)


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    digest = f"sha256:{_sha256(content)}"
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _blob(digest: str) -> str:
    return f"blobs/sha256/{digest}"
