"""Values of access sessions, access events and access reviews."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from theseller.audit.event_types import Tag
from theseller.lib.policy_time_limits import ACCESS_MINUTES_MAX, ACCESS_REVIEW_DAYS
from theseller.lib.translation_marks import gettext_noop

SESSION_LENGTH_MAX = timedelta(minutes=ACCESS_MINUTES_MAX)
REVIEW_EVERY = timedelta(days=ACCESS_REVIEW_DAYS)
REASON_LENGTH_MIN, REASON_LENGTH_MAX = 20, 1000

#: A place in the order in which the log is sealed.
LogPosition = tuple[int, int]
Details = Mapping[str, str | int | bool | None]


class SessionEnd(StrEnum):
    """How an access session ended."""

    EXPIRED = gettext_noop("expired")
    LEFT = gettext_noop("left")
    REMOVED = gettext_noop("removed")  # the operator's rights were removed


#: Labels of the events in a review. `guard.access_to_review` has the same list.
EVENT_LABELS: Mapping[str, str] = {
    Tag.ACCESS_CLOSED: gettext_noop("ended an access session"),
    Tag.ACCESS_OPENED: gettext_noop("opened an access session"),
    Tag.ACCESS_VIEWED: gettext_noop("viewed pages of a shop"),
    Tag.ACT_UNREADABLE: gettext_noop("a shell action with an unreadable record"),
    Tag.CONNECTION_KEY_REPLACED: gettext_noop("re-encrypted a token"),
    Tag.DATABASE_MOVED: gettext_noop("moved the database to another server"),
    Tag.DATABASE_OPENED: gettext_noop("opened the database"),
    Tag.DATABASE_RESTORED: gettext_noop("restored the database"),
    Tag.LOG_RESTORED: gettext_noop("recorded a database restore"),
    Tag.OPERATOR_ADDED: gettext_noop("added an operator"),
    Tag.OPERATOR_REMOVED: gettext_noop("removed an operator"),
    Tag.RECOVERY_CODES_MADE: gettext_noop("created recovery codes"),
    Tag.ROTATION_BEGUN: gettext_noop("started a secret rotation"),
    Tag.ROTATION_FINISHED: gettext_noop("rotated a secret"),
    Tag.ROTATION_FORCED: gettext_noop("forced a secret rotation"),
    Tag.SECOND_FACTOR_ADDED: gettext_noop("added a second factor"),
    Tag.SECOND_FACTOR_REMOVED: gettext_noop("removed a second factor"),
    Tag.SECRETS_BUNDLED: gettext_noop("printed a set of new secrets"),
    Tag.SECRETS_FILLED: gettext_noop("created missing secrets"),
    Tag.SECRET_AGE_NOTED: gettext_noop("recorded the age of a secret"),
    Tag.SECRET_GIVEN: gettext_noop("provided a new client secret"),
    Tag.SECRET_PUT: gettext_noop("stored a secret"),
}


@dataclass(frozen=True, slots=True)
class OpenSession:
    """The session that is open to an operator now."""

    tenant: UUID
    tenant_name: str
    id: UUID
    opened_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AccessSession:
    """One access session, open or ended.

    `pages` are the addresses of the pages that were viewed in it, where they were requested.
    """

    tenant: UUID
    tenant_name: str
    id: UUID
    operator: UUID
    operator_name: str
    reason: str
    ticket: str
    opened_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    ended: SessionEnd | None
    pages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessEvent:
    """One line of the log about access."""

    position: LogPosition
    at: datetime
    tag: str
    actor: str
    tenant: UUID | None
    subject: str
    details: Details


@dataclass(frozen=True, slots=True)
class EventGroup:
    """Events of one kind by one actor that follow each other."""

    tag: str
    actor: str
    actor_name: str
    tenant: UUID | None
    first_at: datetime
    last_at: datetime
    count: int
    what: tuple[str, ...]

    @property
    def label(self) -> str:
        """Return the text for the event's tag."""
        return EVENT_LABELS.get(self.tag, self.tag)


@dataclass(frozen=True, slots=True)
class Review:
    """One review that was confirmed."""

    id: UUID
    reviewer: UUID
    reviewer_name: str
    at: datetime
    events: int
    failed_sign_ins: int
    note: str


@dataclass(frozen=True, slots=True)
class ReviewState:
    """The state of the access reviews.

    `due_at` is None if there was never anything to review.
    """

    last_at: datetime | None
    oldest_pending_at: datetime | None
    due_at: datetime | None

    def overdue(self, at: datetime) -> bool:
        """Say whether the review was due before `at`."""
        return self.due_at is not None and at > self.due_at


class AccessRefusedError(ValueError):
    """It may not be done. The message says why, and what to do."""
