"""Setup of key service clients: address, library, one per process."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from types import ModuleType
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from theseller.crypto.errors import ServiceError, ServiceState

Client = TypeVar("Client")

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def checked_address(address: str) -> str:
    """Return a service's address if secrets may be sent to it.

    Raises:
        ValueError: it is not https; http is allowed for this machine only (a local agent, a test).
    """
    parts = urlsplit(address)
    plain_but_local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if (
        not parts.hostname
        or parts.username is not None
        or not (parts.scheme == "https" or plain_but_local)
    ):
        raise ValueError(
            "must look like https://HOST:PORT (http only for 127.0.0.1), with no user or password"
            " in it"
        )
    return address.rstrip("/")


def library(name: str, extra: str) -> ModuleType:
    """Import a library that only some deployments have.

    Raises:
        ServiceError: it is not installed; the message tells how to install it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise ServiceError(
            f"the library {name} is not installed: run `bin/setup {extra}`, or `pip install"
            f" 'theseller[{extra}]'`",
            ServiceState.NOT_SET_UP,
        ) from None


class PerProcess(Generic[Client]):
    """One client per process.

    A connection shared by a forked child and its parent would mix up their responses.
    """

    def __init__(self, make: Callable[[], Client]) -> None:
        self._make = make
        self._made: dict[int, Client] = {}

    def get(self) -> Client:
        """Return this process's client, created at first use.

        Two threads may create one each; one of them is kept.
        """
        client = self._made.get(os.getpid())
        return client if client is not None else self._made.setdefault(os.getpid(), self._make())
