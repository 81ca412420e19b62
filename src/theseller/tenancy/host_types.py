"""What a host of the deployment reports about itself.

Imports neither Django nor the database driver.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

#: A host that has not reported for so long counts as silent: its queued work is dropped.
SILENT_SECONDS = 30
#: How far a host's clock may be from the database's: leases, tickets and tokens are dated by both.
CLOCK_SECONDS_MAX = 5.0


@dataclass(frozen=True, slots=True)
class Host:
    """One process of one host, as it last reported.

    Attributes:
        process: web or worker.
        settings: a short hash of each setting that all hosts must have alike.
        address: from where it reaches the database; "" on a Unix socket.
        clock_ahead: seconds by which its clock is ahead of the database's.
        age: seconds since the report.
    """

    id: UUID
    process: str
    name: str
    version: str
    settings: Mapping[str, str]
    address: str
    clock_ahead: float
    disk_free: int
    disk_size: int
    age: float

    @property
    def silent(self) -> bool:
        """Whether it has not reported lately."""
        return self.age > SILENT_SECONDS


def setting_hash(text: str) -> str:
    """Return the short hash by which a host reports a setting's text."""
    return hashlib.sha256(text.strip().encode()).hexdigest()[:12]
