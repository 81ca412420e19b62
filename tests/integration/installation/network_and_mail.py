"""What the internet gives a new host: names, a certificate, a mail server, a browser."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from tests.integration.installation.debian_host import HERE, DebianHost
from tests.tls_certificates import write_certificate

SITE, MAIL = "shop.example", "mail.example.com"
_CERTBOT = """#!/bin/sh
# The stand-in: the certificate of the test's authority, where certbot puts Let's Encrypt's.
folder=/etc/letsencrypt/live/shop.example
mkdir -p "$folder" /etc/letsencrypt/renewal-hooks/deploy
cp /srv/shop.example.pem "$folder/cert.pem"
cp /srv/shop.example.pem "$folder/fullchain.pem"
cp /srv/shop.example.pem "$folder/chain.pem"
cp /srv/shop.example.key "$folder/privkey.pem"
"""


def write_certificates(host: DebianHost) -> None:
    """Write the certificates of the host's site and of the mail server."""
    for name in (SITE, MAIL):
        write_certificate(host.shared / f"{name}.pem", host.shared / f"{name}.key", name, days=60)


def connect_to_the_internet(host: DebianHost) -> None:
    """Give a booted host its names, trust in the certificates, and certbot."""
    certbot = host.root / "usr" / "local" / "bin" / "certbot"
    certbot.write_text(_CERTBOT)
    certbot.chmod(0o755)
    host.run(
        f"printf '127.0.0.1 {SITE}\\n{HERE} {MAIL}\\n' >> /etc/hosts\n"
        f"cp /srv/{SITE}.pem /usr/local/share/ca-certificates/site.crt\n"
        f"cp /srv/{MAIL}.pem /usr/local/share/ca-certificates/mail.crt\n"
        "update-ca-certificates"
    )


@contextlib.contextmanager
def forwarded(port: int, to: int) -> Iterator[None]:
    """Pass connections to `port`, which the host reaches, on to a port of this machine."""
    with socket.create_server((HERE, port)) as server:
        accepting = threading.Thread(target=_serve, args=(server, to), daemon=True)
        accepting.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)  # ends the waiting for a connection
            accepting.join(60)


def _serve(server: socket.socket, to: int) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = server.accept()
            threading.Thread(target=_connect_both, args=(client, to), daemon=True).start()


def _connect_both(client: socket.socket, to: int) -> None:
    with client, socket.create_connection(("localhost", to)) as inside:
        back = threading.Thread(target=_copy, args=(inside, client), daemon=True)
        back.start()
        _copy(client, inside)
        back.join(60)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
