"""A server that sends a byte now and then, on real sockets.

Each call and each document ends at its deadline.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from theseller.amazon.call_deadline import within
from theseller.amazon.errors import UnavailableError
from theseller.amazon.report_document_stream import DocumentLimits, stream_document
from theseller.amazon.transport import Failure, TransportError, ask, new_http
from theseller.lib.secret_type import Secret

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n"


@contextlib.contextmanager
def dripping(at_once: bytes, slowly: bytes) -> Iterator[str]:
    """Serve on loopback: `at_once`, then `slowly` over and over, until no one reads.

    A byte every twentieth of a second.
    """
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)

    def drip(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.recv(65536)
            client.sendall(at_once)
            place = 0
            while not stop.wait(0.05):
                client.sendall(slowly[place % len(slowly) :][:1])
                place += 1

    def serve() -> None:
        while not stop.is_set():
            try:
                client, _ = listener.accept()
            except TimeoutError:
                continue
            threading.Thread(target=drip, args=(client,), daemon=True).start()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        thread.join()
        listener.close()


@pytest.mark.parametrize(
    ("at_once", "slowly"),
    [
        (_HEAD, b"x"),
        (b"", _HEAD),
        (b"HTTP/1.1 200 OK\r\n", b"X-Filler: 1\r\n"),
        (_HEAD[:-2], b"Y: 1\r\n"),
    ],
    ids=["body", "all", "headers", "more-headers"],
)
def test_a_call_ends_at_its_deadline_however_slowly_its_bytes_arrive(
    at_once: bytes, slowly: bytes
) -> None:
    with (
        dripping(at_once, slowly) as address,
        new_http() as http,
        pytest.raises(TransportError) as caught,
    ):
        ask(http, http.build_request("GET", address), seconds=0.5)
    assert caught.value.failure is Failure.TIMEOUT


def test_a_document_ends_at_its_deadline() -> None:
    with (
        dripping(_HEAD, b"x") as address,
        new_http() as http,
        pytest.raises(UnavailableError) as caught,
    ):
        list(
            stream_document(
                http,
                Secret(f"{address}/d"),
                None,
                origins=[address],
                limits=DocumentLimits(seconds=0.5),
            )
        )
    assert caught.value.code == "timeout"


def test_a_deadline_around_several_calls_holds_for_each() -> None:
    with (
        dripping(_HEAD, b"x") as address,
        new_http() as http,
        within(0.5),
        pytest.raises(TransportError),
    ):
        ask(http, http.build_request("GET", address), seconds=600)


def test_document_deadline_includes_time_between_chunks() -> None:
    with dripping(_HEAD + b"y" * 200_000, b"x") as address, new_http() as http:
        pieces = stream_document(
            http,
            Secret(f"{address}/d"),
            None,
            origins=[address],
            limits=DocumentLimits(seconds=0.2),
        )
        assert next(pieces)
        threading.Event().wait(0.3)
        with pytest.raises(UnavailableError):
            list(pieces)


def test_a_connection_that_is_kept_open_serves_the_next_call() -> None:
    calls = []

    def answer(client: socket.socket) -> None:
        with client:
            while client.recv(65536):
                calls.append(1)
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with socket.create_server(("127.0.0.1", 0)) as listener, new_http() as http:

        def serve() -> None:
            client, _ = listener.accept()
            answer(client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        for _ in range(3):
            assert ask(http, httpx.Request("GET", address), seconds=20).body == b"{}"
    thread.join(10)
    assert len(calls) == 3
