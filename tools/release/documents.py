"""SBOM (CycloneDX) and provenance (in-toto, SLSA) of a release.

Neither has a time or a number of its own: the same commit gives the same documents.
"""

from __future__ import annotations

import json
import platform
import tomllib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from theseller.releases.release_files import (
    IN_TOTO_STATEMENT,
    SLSA_PROVENANCE,
    FileDigest,
    Pin,
    read_pins,
)
from tools.release.source_tree import Source

#: Kinds of installation, each with a list of pinned packages in requirements/.
KINDS = ("run", "aws", "vault", "tracing")
#: Names what `bin/release` does; its parameters are described in docs/develop/release.md.
BUILD_TYPE = "tag:theseller.example,2026:release/1"
BUILDER = "tag:theseller.example,2026:bin-release"


@dataclass(frozen=True, slots=True)
class ReleasedImage:
    """The container image of a release.

    Attributes:
        name: name and tag that it is loaded as.
        digest: SHA-256 of the image's manifest.
        packages: purl and SHA-256 of each package of the operating system in it.
    """

    name: str
    digest: str
    packages: tuple[tuple[str, str], ...]


def sbom_document(source: Source, tree: Path) -> str:
    """Return the SBOM: every pinned package, with the lists that have it.

    Args:
        source: what the release is made from.
        tree: its files.
    """
    lists = {
        kind: read_pins((tree / "requirements" / f"{kind}.txt").read_text(encoding="utf-8"))
        for kind in KINDS
    }
    pins = {name: pin for one in lists.values() for name, pin in one.items()}
    components = {
        name: _component(name, pin, [kind for kind in KINDS if name in lists[kind]])
        for name, pin in sorted(pins.items())
    }
    product = Component(
        name="theseller",
        version=source.version,
        type=ComponentType.APPLICATION,
        bom_ref=f"pkg:pypi/theseller@{source.version}",
        purl=PackageURL("pypi", None, "theseller", source.version),
        licenses=[DisjunctiveLicense(id="Apache-2.0")],
    )
    bom = Bom(
        components=components.values(),
        serial_number=uuid5(NAMESPACE_URL, f"theseller:{source.version}:{source.commit}"),
    )
    bom.metadata.component = product
    bom.metadata.timestamp = datetime.fromtimestamp(source.epoch, UTC)
    direct = _declared_dependencies(tree)
    bom.register_dependency(product, [components[name] for name in sorted(direct)])
    return str(JsonV1Dot6(bom).output_as_string(indent=1)) + "\n"


def _component(name: str, pin: Pin, kinds: list[str]) -> Component:
    purl = PackageURL("pypi", None, name, pin.version)
    digests = [HashType(alg=HashAlgorithm.SHA_256, content=one) for one in sorted(pin.sha256)]
    distribution = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(f"https://pypi.org/project/{name}/{pin.version}/"),
        comment="SHA-256 of each file of this version that may be installed",
        hashes=digests,
    )
    return Component(
        name=name,
        version=pin.version,
        type=ComponentType.LIBRARY,
        bom_ref=purl.to_string(),
        purl=purl,
        external_references=[distribution],
        properties=[Property(name="theseller:requirements", value=",".join(kinds))],
    )


def _declared_dependencies(tree: Path) -> set[str]:
    project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = [*project["dependencies"], *(one for kind in KINDS[1:] for one in extras[kind])]
    return {canonicalize_name(Requirement(one).name) for one in declared}


def provenance_document(
    source: Source,
    files: Mapping[str, FileDigest],
    repository: str,
    image: ReleasedImage | None = None,
) -> bytes:
    """Return the statement of how the files were made from what.

    Args:
        source: the commit.
        files: the files that it is about.
        repository: public address of the repository, "" to name none.
        image: the container image, if one of the files is its archive.
    """
    builder = {"id": BUILDER, "version": _builder_versions()}
    statement = {
        "_type": IN_TOTO_STATEMENT,
        "subject": [
            {"name": name, "digest": {"sha256": digest.sha256}}
            for name, digest in sorted(files.items())
        ],
        "predicateType": SLSA_PROVENANCE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"version": source.version, "commit": source.commit},
                "internalParameters": {"SOURCE_DATE_EPOCH": source.epoch},
                "resolvedDependencies": list(_materials(source, repository, image)),
            },
            "runDetails": {"builder": builder, **_byproducts(image)},
        },
    }
    return json.dumps(statement, indent=1, sort_keys=True).encode() + b"\n"


def _materials(
    source: Source, repository: str, image: ReleasedImage | None
) -> Iterator[dict[str, object]]:
    address = {"uri": f"git+{repository}@{source.commit}"} if repository else {}
    yield {"name": "source", "digest": {"gitCommit": source.commit}, **address}
    for purl, sha256 in image.packages if image else ():
        yield {"uri": purl, "digest": {"sha256": sha256}}


def _byproducts(image: ReleasedImage | None) -> dict[str, object]:
    """Return the image itself: the subjects have the archive that it is in."""
    if image is None:
        return {}
    return {"byproducts": [{"name": image.name, "digest": {"sha256": image.digest}}]}


def _builder_versions() -> dict[str, str]:
    """Return what the archives depend on besides the sources."""
    return {
        "hatchling": metadata.version("hatchling"),
        "python": platform.python_version(),
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
    }
