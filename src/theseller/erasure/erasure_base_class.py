"""The base class of erasures, with the hooks in which subjects differ."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db import connections as databases

from theseller.audit.event_types import Tag
from theseller.erasure.erasure_records import restart_erasure
from theseller.erasure.failure_collection import Failures
from theseller.erasure.types import JournalEntry, Progress, Subject
from theseller.erasure.work_pacing import Throttle
from theseller.lib import sql_execution
from theseller.retention.database_aliases import ERASER


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction of deletion.

    `name` marks it in the record as done, "" for one that every run repeats; `tenant` is whose
    scope it runs in, None for that of the record; `delete` returns the rows that it deleted, by the
    names under which the record counts them.
    """

    name: str
    tenant: UUID | None
    delete: Callable[[], Mapping[str, int]]


class Erasure(ABC):
    """What is particular to the erasure of one subject."""

    #: Events of the audit log: before the first deletion, and when all is deleted.
    intended: ClassVar[Tag]
    done: ClassVar[Tag]
    #: What a search of the disk looks for, in the words of the certificate.
    searched_for: ClassVar[str]

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    @abstractmethod
    def journal_entry(self, at: datetime) -> JournalEntry:
        """Return what the journal has to say of this erasure."""

    @abstractmethod
    def begin(self, at: datetime) -> None:
        """Write the plan, with the rows that there are, unless an earlier run has."""

    @abstractmethod
    def steps(self, at: datetime, throttle: Throttle) -> Iterator[Step]:
        """Yield the steps of deletion, children before parents."""

    @abstractmethod
    def count(self) -> dict[str, int]:
        """Count what is left by table, under another role than the eraser's."""

    # most kinds have nothing to do
    def after_steps(  # noqa: B027
        self, at: datetime, failures: Failures, throttle: Throttle
    ) -> None:
        """Do what has to follow the deletion and precede the recount."""

    def when_erased(self, at: datetime) -> None:  # as above  # noqa: B027
        """Record that all is deleted, in the transaction of the record's mark."""

    def load_related(self) -> None:  # as above  # noqa: B027
        """Load what belongs to the subject once its rows are deleted.

        The search of the disk and the last count need it.
        """

    def restart(self) -> None:
        """Have the next run delete and count again, because something is left."""
        restart_erasure(self.subject)

    def complete(self, at: datetime) -> None:  # as above  # noqa: B027
        """Record that the erasure is complete, before its certificate is made."""

    def connections(self) -> tuple[UUID, ...]:
        """Return the connections whose keys have to be destroyed."""
        return ()

    def certificate_fields(self) -> dict[str, object]:
        """Return what the certificate says of this kind of subject only."""
        return {}

    def planned(self, known: Progress) -> Mapping[str, int]:
        """Return the rows that there were before the first deletion, by table."""
        return known.plan

    def deleted(self, known: Progress) -> Mapping[str, int]:
        """Return the rows that this erasure deleted, by step."""
        return known.deleted


def delete_rows(statement: str, values: list[Any]) -> int:
    """Run a statement in a step's transaction; return the rows it deleted."""
    return sql_execution.execute(databases[ERASER], statement, values)
