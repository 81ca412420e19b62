"""Every secret of one deployment with its value, and where each is at home."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.demo_leak_scan import deployment_secrets
from tests.leak_scanner import Exact
from tests.secret_leaks.http_session import HttpSession
from tests.secret_leaks.instrumented_demo import InstrumentedDemo

from theseller.crypto.errors import CryptoError
from theseller.crypto.file_key_store import FileKeyStore
from theseller.crypto.file_secret_provider import FileSecretProvider
from theseller.crypto.root_keys import parse_root_keys
from theseller.lib.secret_type import Secret

_OF_A_KIND = 6


@dataclass(slots=True)
class KnownSecrets:
    """Values by name. A value that is known under one name is not taken again under another."""

    known: dict[str, bytes] = field(default_factory=dict)
    #: Names of the secrets that lie in files of their own, as they were when they were collected.
    own_files: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, value: str | bytes) -> None:
        content = value.encode() if isinstance(value, str) else value
        if content and content not in self.known.values():
            self.known[name if name not in self.known else f"{name} ({len(self.known)})"] = content

    def exact(self) -> list[Exact]:
        return [Exact(name, content) for name, content in self.known.items()]

    def named(self, *beginnings: str) -> list[Exact]:
        return [one for one in self.exact() if one.name.startswith(beginnings)]

    def collect_deployment(self, demo: InstrumentedDemo, when: str) -> None:
        """Take every secret file, and every key of the key store as its bytes: root, purpose and data keys."""
        for one in deployment_secrets(demo):
            self.add(f"{one.name}, {when}", one.content)
        secrets = FileSecretProvider(demo.state / "secrets")
        for key in parse_root_keys(Secret(demo.secret("root-key")), "demo"):
            self.add(f"root key {key.id}", key.material.reveal_bytes())
        store = FileKeyStore(demo.state / "keys", secrets, environment="demo")
        for record in store.list():
            try:
                self.add(
                    f"data key {record.purpose} {record.id}",
                    store.get(record.id).material.reveal_bytes(),
                )
            except CryptoError:
                continue  # destroyed, and so known to no one
        for key in store._purpose_keys.values():
            self.add(f"purpose key {key.purpose} {key.id}", key.material.reveal_bytes())

    def collect_people(self, people: Iterable[HttpSession]) -> None:
        for person in people:
            for name, value in person.secrets.items():
                self.add(name, value)

    def collect_wire(self, demo: InstrumentedDemo) -> None:
        assert demo.amazon is not None
        with demo.amazon.traffic.lock:
            for kind, values in sorted(demo.amazon.traffic.secrets.items()):
                # All of one kind have one shape and take one path; the shapes of tokens are looked
                # for besides.
                for number, value in enumerate(
                    dict.fromkeys([*values][:_OF_A_KIND] + [*values][-_OF_A_KIND:])
                ):
                    self.add(f"{kind} {number}", value)
