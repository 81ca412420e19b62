"""A substitute for the `aws` command, by AWS's library against the test's moto.

It is called as `aws SERVICE VERB --some-option VALUE …`.

It takes what the documentation uses: plain options, and `--query A.B --output text`. An option or
verb that AWS's library doesn't know fails. Each call is a process, which passes its arguments on to
the test's: to load that library takes a second of a processor.
"""

from __future__ import annotations

import contextlib
import json
import socketserver
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.integration.crypto.services import Moto

_COMMAND = """
import json, socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv.pop(1)))) as test:
    test.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
    output, error = json.loads(test.makefile().readline())
sys.stdout.write(output)
sys.stderr.write(error)
sys.exit(1 if error else 0)
"""


@contextlib.contextmanager
def aws_command(moto: Moto, folder: Path) -> Iterator[Path]:
    """Put an `aws` command for the block into a folder, which is given for the search path."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(json.dumps(_answer(moto, json.loads(self.rfile.readline()))).encode())

    command, program = folder / "aws", folder / "aws.py"
    program.write_text(_COMMAND)
    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        port = server.server_address[1]
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -IS "{program}" {port} "$@"\n')
        command.chmod(0o755)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield folder
        finally:
            server.shutdown()
            thread.join()


def _answer(moto: Moto, arguments: list[str]) -> tuple[str, str]:
    """Return what the command prints and its error, which is empty if it succeeds."""
    try:
        return _output(moto, *arguments), ""
    except Exception as error:  # noqa: BLE001 - whatever it is, the command fails with it
        return "", f"{type(error).__name__}: {error}\n"


def _output(moto: Moto, service: str, verb: str, *rest: str) -> str:
    options = dict(zip((name.removeprefix("--") for name in rest[::2]), rest[1::2], strict=True))
    query, output = options.pop("query", ""), options.pop("output", "")
    parameters = {
        "".join(word.capitalize() for word in name.split("-")): _typed(value)
        for name, value in options.items()
    }
    answer = getattr(moto.client(service), verb.replace("-", "_"))(**parameters)
    for name in query.split(".") if query else ():
        answer = answer[name]
    return f"{answer}\n" if output == "text" else ""


def _typed(value: str) -> str | int:
    return int(value) if value.isdigit() else value
