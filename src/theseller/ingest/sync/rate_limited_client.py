"""Calls to Amazon for one connection.

A token is taken for each before its transaction. The call is made in a transaction that keeps the
connection from ending.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime

from django.conf import settings

from theseller.amazon.call_deadline import within
from theseller.amazon.errors import OtherSellerError, SellerUnconfirmedError, ThrottledError
from theseller.amazon.roles import RestrictedRole
from theseller.amazon.spapi_client import SPAPIClient, Value
from theseller.amazon.spapi_operations import allowed
from theseller.amazon.throttle import BucketKey, NotBefore
from theseller.connections.access_tokens import open_connection, with_access_token
from theseller.connections.http_and_lwa_clients import amazon_http
from theseller.connections.types import ConnectionView
from theseller.ingest.sync.postgres_rate_limiter import PostgresLimiter, PrepaidLimiter
from theseller.lib.secret_type import Secret

#: The one operation whose answers name the seller: the only one that is called while no answer has
#: named the connection's seller.
CONFIRMS_SELLER = "listTransactions"
#: For all that one `call` sends, while the connection is kept from ending.
_CALL_SECONDS = 45.0


class RateLimitedClient:
    """Client that makes calls to Amazon for the connection `view`.

    Args:
        view: the connection.
        now: returns the present instant, aware.
        granted: the restricted roles that a call may use; none for figures.
    """

    def __init__(
        self,
        view: ConnectionView,
        *,
        now: Callable[[], datetime],
        granted: Collection[RestrictedRole] = (),
    ) -> None:
        self._view = view
        self._now = now
        self._granted = granted
        self._limiter = PostgresLimiter(view.tenant, view.id)
        self._prepaid = PrepaidLimiter(self._limiter)
        application = settings.ENVIRONMENT.application_id
        self._client = SPAPIClient(
            settings.AMAZON_ENDPOINTS,
            amazon_http(),
            self._prepaid,
            application=application,
            granted=granted,
        )

    def pay(self, operation: str) -> None:
        """Take a token of `operation` for the call that follows.

        It does not wait if there is none.

        Raises:
            ThrottledError: there is none.
            OtherSellerError: Amazon names another seller; nothing is read.
            SellerUnconfirmedError: Amazon names no seller yet; nothing is read.
        """
        self._require_seller(operation)
        plan = allowed(operation, self._granted)
        wait = self._prepaid.pay(self._bucket(plan.name), self._now())
        if wait is not None:
            raise ThrottledError(plan.name, wait.instant)

    def pay_report(self, report_type: str) -> None:
        """Take one report of a type of which Amazon makes few a day.

        createReport is to be paid besides. It does not wait if there is none.

        Raises:
            ThrottledError: there is none.
            OtherSellerError: Amazon names another seller; nothing is read.
            SellerUnconfirmedError: Amazon names no seller yet; nothing is read.
        """
        self._require_seller("createReport")
        answer = self._limiter.acquire(self._bucket(report_type), self._now())
        if isinstance(answer, NotBefore):
            raise ThrottledError("createReport", answer.instant)

    def give_report_back(self, report_type: str) -> None:
        """Give back what `pay_report` took: Amazon denied the report.

        Raises:
            ConnectionClosedError: the connection has ended.
        """
        self._limiter.give_back(self._bucket(report_type), self._now())

    def _require_seller(self, operation: str) -> None:
        if self._view.seller_mismatch:
            raise OtherSellerError(operation)
        if operation != CONFIRMS_SELLER and not self._view.seller_is_confirmed:
            raise SellerUnconfirmedError(operation)

    def _bucket(self, name: str) -> BucketKey:
        return BucketKey(
            settings.ENVIRONMENT.application_id,
            self._view.selling_partner_id,
            self._view.region,
            name,
        )

    def call(
        self,
        operation: str,
        *,
        params: Mapping[str, Value] | None = None,
        path: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        hold: Callable[[], object] | None = None,
    ) -> bytes:
        """Make a call that is paid for and return the undecoded answer.

        `hold` runs in its transaction, before anything is sent.

        Raises:
            AmazonError: the call failed.
            ConnectionClosedError: the connection has ended.
        """
        at = self._now()
        # With the refresh of a token and a second try, still less than a disconnection waits for
        # the calls under way.
        with (
            self._prepaid.reporting(),
            open_connection(self._view.tenant, self._view.id, at=at) as opened,
            within(_CALL_SECONDS),
        ):
            if hold is not None:
                hold()
            reply = with_access_token(
                opened,
                lambda token: self._client.call(
                    operation,
                    region=self._view.region,
                    selling_partner_id=self._view.selling_partner_id,
                    access_token=token,
                    at=at,
                    params=params,
                    path=path,
                    body=body,
                ),
            )
        return reply.body

    def get_document(
        self,
        url: Secret,
        compression: str | None,
        *,
        keep: list[bytes] | None = None,
        charsets: list[str] | None = None,
    ) -> Iterator[bytes]:
        """Stream a report document, as `SPAPIClient.get_document` does."""
        return self._client.get_document(url, compression, keep=keep, charsets=charsets)
