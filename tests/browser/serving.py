"""The product in this process, at an address of its own, for a browser."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import TypeVar
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.core.wsgi import get_wsgi_application
from django.db import connections as databases
from typing_extensions import override

T = TypeVar("T")


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def served(host: str = "127.0.0.1") -> Iterator[str]:
    """Serve for the length of the block; give the address."""
    server = make_server(
        "127.0.0.1", 0, get_wsgi_application(), server_class=_Server, handler_class=_Quiet
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{host}:{server.server_port}"
    server.shutdown()
    server.server_close()


def beside(work: Callable[[], T]) -> T:
    """Use the database in a thread of its own, and return what `work` does.

    While a browser runs in this thread, Django refuses to use the database in it.
    """

    def run() -> T:
        try:
            return work()
        finally:
            databases.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()
