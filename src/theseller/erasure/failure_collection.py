"""Collect failures, so that one subject does not stop the others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from theseller.erasure.failure_records import clear_failure, record_failure
from theseller.erasure.types import Subject
from theseller.erasure.vacuum import RetryLaterError
from theseller.lib.safe_tracebacks import describe
from theseller.lib.structured_logging import getLogger

log = getLogger(__name__)


class Failures:
    """The subjects that could not be completed.

    `waiting` says what some wait for; what failed is raised when the others are done.
    """

    def __init__(self) -> None:
        self.waiting: dict[UUID, str] = {}
        self._failed: dict[UUID, Exception] = {}
        self._tried: dict[UUID, Subject] = {}

    def __contains__(self, identity: UUID) -> bool:
        return identity in self._failed or identity in self.waiting

    @contextlib.contextmanager
    def caught(self, subject: Subject) -> Iterator[None]:
        """Catch what goes wrong with one subject in the block.

        It is logged with the subject's id and nothing of its data.
        """
        self._tried[subject.id] = subject
        try:
            yield
        except RetryLaterError as error:
            self.waiting[subject.id] = str(error)
        except Exception as error:  # whatever it is, it is this subject's alone  # noqa: BLE001
            self.note(subject, error)

    def note(self, subject: Subject, error: Exception) -> None:
        """Note that one subject failed, and log it."""
        self._tried[subject.id] = subject
        self._failed[subject.id] = error
        log.error(
            "erasure_failed",
            kind=str(subject.kind),
            subject=str(subject.id),
            reason=describe(error),
        )

    def settle(self, *, at: datetime) -> None:
        """Store what failed, with its next try, and what succeeded; then raise.

        Raises:
            Exception: as `throw` does.
        """
        for identity, subject in self._tried.items():
            try:
                if identity in self._failed:
                    record_failure(subject, self._failed[identity], at=at)
                else:
                    clear_failure(subject)
            # what failed the erasure may fail this too: it is tried again by the next run then
            except Exception as error:  # noqa: BLE001
                log.error(
                    "erasure_outcome_not_stored",
                    kind=str(subject.kind),
                    subject=str(identity),
                    reason=describe(error),
                )
        self.throw()

    def throw(self) -> None:
        """Raise what failed: the one error, or all of them in an ExceptionGroup."""
        errors = list(self._failed.values())
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise ExceptionGroup("several erasures failed; the others are complete", errors)
