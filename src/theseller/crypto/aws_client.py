"""Calls to AWS by boto3. Needs the extra ``theseller[aws]``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from theseller.crypto.errors import CannotOpenError, ServiceError, ServiceState
from theseller.crypto.key_service_client_helpers import PerProcess, checked_address, library
from theseller.crypto.key_types import checked_environment
from theseller.lib.secret_type import Secret

_MISSING = {"ResourceNotFoundException", "ParameterNotFound"}
_TAKEN = {"ResourceExistsException", "ParameterAlreadyExists"}
_STATES: tuple[tuple[ServiceState, str, frozenset[str]], ...] = (
    (
        ServiceState.DENIED,
        "refuses our credentials or lacks a permission: renew them, or widen the role's policy",
        frozenset(
            {
                "AccessDenied",
                "AccessDeniedException",
                "UnrecognizedClientException",
                "InvalidClientTokenId",
                "SignatureDoesNotMatch",
            }
            | {
                "ExpiredToken",
                "ExpiredTokenException",
                "IncompleteSignature",
                "InvalidSignatureException",
                "NotAuthorized",
                "OptInRequired",
            }
        ),
    ),
    (
        ServiceState.BUSY,
        "asks for fewer calls: wait, or ask AWS for a higher quota",
        frozenset(
            {
                "Throttling",
                "ThrottlingException",
                "TooManyRequestsException",
                "RequestLimitExceeded",
                "LimitExceededException",
            }
        ),
    ),
    (
        ServiceState.SEALED,
        (
            "has this key disabled or awaiting deletion: enable it, or cancel its deletion; nothing"
            " is lost until it is deleted"
        ),
        frozenset({"DisabledException", "KMSInvalidStateException", "KeyUnavailableException"}),
    ),
    (
        ServiceState.NOT_SET_UP,
        "has no key of this alias: see docs/operate/secrets.md",
        frozenset({"NotFoundException"}),
    ),
)


@dataclass(frozen=True, slots=True)
class AwsAddress:
    """An AWS region, and the endpoint of a stand-in for tests.

    boto3 finds the credentials, in its own order.

    Raises:
        ValueError: the region is missing, the endpoint is not https (or this machine), or the
            environment's name is invalid.
    """

    region: str
    environment: str
    endpoint: str = ""
    timeout_seconds: float = 5.0

    def __post_init__(self) -> None:
        checked_environment(self.environment)
        if not self.region:
            raise ValueError("a region is needed, such as eu-central-1")
        if self.endpoint:
            checked_address(self.endpoint)


class AwsClient:
    """Call KMS, Secrets Manager and Parameter Store.

    Every failure becomes a `ServiceError` that quotes nothing of the call.
    """

    def __init__(self, where: AwsAddress) -> None:
        """Store the address; connections are made at the first call."""
        self.where = where
        self._clients = PerProcess(self._new_clients)

    def call(self, service: str, verb: str, **parameters: object) -> Mapping[str, Any] | None:
        """Call a service; return None if the object is missing or already exists.

        Pass secret parameters as `Secret`: an error report may print every variable.

        Raises:
            CannotOpenError: KMS rejects the ciphertext, or its encryption context.
            ServiceError: the service is unavailable.
        """
        errors = library("botocore.exceptions", "aws")
        code, failure = "", None
        try:
            answer: Mapping[str, Any] = getattr(self._clients.get()[service], verb)(
                **_revealed(parameters)
            )
        except errors.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            waiting = code == "InvalidRequestException" and "delet" in str(
                error.response["Error"].get("Message", "")
            )
            code = "ResourceNotFoundException" if waiting else code
        except (errors.BotoCoreError, OSError) as error:
            failure = self._unreachable(service, {kind.__name__ for kind in type(error).__mro__})
        else:
            return answer
        # Raised here and not above: the library's error would be the context of ours, and holds the
        # call.
        if failure is not None:
            raise failure
        if code in _MISSING | _TAKEN:
            return None
        if code in {"InvalidCiphertextException", "IncorrectKeyException"}:
            raise CannotOpenError
        raise self._refusal(service, code)

    def pages(
        self, service: str, verb: str, key: str, **parameters: object
    ) -> Iterator[Mapping[str, Any]]:
        """Yield all entries of a paginated listing."""
        token: dict[str, object] = {}
        while True:
            answer = self.call(service, verb, **parameters, **token) or {}
            yield from answer.get(key, ())
            if not answer.get("NextToken"):
                return
            token = {"NextToken": answer["NextToken"]}

    def _new_clients(self) -> dict[str, Any]:
        # A session of our own: boto3's default session is shared and not thread-safe to create.
        session = library("boto3", "aws").session.Session(region_name=self.where.region)
        config = library("botocore.config", "aws").Config(
            connect_timeout=self.where.timeout_seconds,
            read_timeout=self.where.timeout_seconds,
            retries={"mode": "standard", "total_max_attempts": 2},
        )
        endpoint = self.where.endpoint or None
        return {
            name: session.client(name, config=config, endpoint_url=endpoint)
            for name in ("kms", "secretsmanager", "ssm")
        }

    def _unreachable(self, service: str, kinds: set[str]) -> ServiceError:
        what = f"AWS {service} in {self.where.region}"
        if kinds & {"ReadTimeoutError", "ConnectTimeoutError"}:
            return ServiceError(
                f"{what} did not answer within {self.where.timeout_seconds:g} s: nothing is known;"
                " try again",
                ServiceState.SLOW,
            )
        if any("Credential" in kind or "Token" in kind for kind in kinds):
            return ServiceError(
                f"{what}: we have no AWS credentials; give the machine or task a role",
                ServiceState.DENIED,
            )
        return ServiceError(
            f"{what} cannot be reached: check network and region. Work resumes when it is back",
            ServiceState.UNREACHABLE,
        )

    def _refusal(self, service: str, code: str) -> ServiceError:
        for state, advice, codes in _STATES:
            if code in codes:
                return ServiceError(f"AWS {service} in {self.where.region} {advice}", state)
        return ServiceError(
            f"AWS {service} in {self.where.region} answers {code or 'with an unnamed error'}",
            ServiceState.UNREACHABLE,
        )


def _revealed(parameters: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value.reveal() if isinstance(value, Secret) else value
        for name, value in parameters.items()
    }
