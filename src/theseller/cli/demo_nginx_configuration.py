"""Write the nginx configuration of `deploy/edge` for other ports.

The demo and the tests run the shipped files; what differs is replaced here and must be in them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from theseller.cli.errors import CommandError
from theseller.cli.tcp_ports import LOOPBACK

SHIPPED = Path(__file__).resolve().parents[3] / "deploy" / "edge"
RULES = Path("/usr/share/modsecurity-crs/rules")
_MODULE = "ngx_http_modsecurity_module.so"
#: Packages of Debian and Ubuntu.
PACKAGES = "nginx-light libnginx-mod-http-modsecurity modsecurity-crs"
_MAIN = """\
load_module {module};
daemon off;
{main}
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {http}
    include {folder}/theseller.conf;
}}
"""


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """What differs from the shipped files.

    Attributes:
        folder: everything that nginx reads and writes, with `fullchain.pem` and `privkey.pem`.
        host: name of the site.
        authority: the name with the port that clients use, if it is not 443.
        backend: port of `theseller serve`.
        plain: port for HTTP.
        tls: port for HTTPS.
        main: further directives of the main context.
        http: further directives of the http context.
        changes: replacements that are made before the fixed ones; each text to replace must be in a
            shipped file.
    """

    folder: Path
    host: str
    authority: str
    backend: int
    plain: int
    tls: int
    main: str = ""
    http: str = ""
    changes: Mapping[str, str] = field(default_factory=dict)


def modsecurity_module(nginx: str) -> Path:
    """Return nginx's ModSecurity module.

    Raises:
        CommandError: it or the Core Rule Set is not installed, with what to install.
    """
    built = subprocess.run(  # noqa: S603 - the nginx that bin/nginx found
        [nginx, "-V"], capture_output=True, text=True, check=False
    )
    found = re.search(r"--modules-path=(\S+)", built.stderr)
    module = Path(found[1] if found else "/usr/lib/nginx/modules") / _MODULE
    for needed in (module, RULES, SHIPPED / "theseller.conf"):
        if not needed.exists():
            raise CommandError(
                f"The edge needs {needed}, which is not there.",
                f"Debian or Ubuntu: sudo apt-get install {PACKAGES}",
            )
    return module


def write_edge(settings: EdgeSettings, *, nginx: str) -> list[str]:
    """Write the configuration below the folder.

    Returns:
        The command that runs nginx with it.

    Raises:
        CommandError: something that it needs is not installed.
        ValueError: a text to replace is in no shipped file.
    """
    folder = settings.folder
    main = _MAIN.format(
        module=modsecurity_module(nginx), folder=folder, main=settings.main, http=settings.http
    )
    changes = (*settings.changes.items(), *_changes(settings).items())
    missing = {old for old, _ in changes}
    shutil.rmtree(folder / "waf", ignore_errors=True)
    (folder / "waf").mkdir(parents=True)
    for path in (SHIPPED / "theseller.conf", *sorted((SHIPPED / "waf").glob("*.conf"))):
        text = path.read_text()
        for old, new in changes:
            if old in text:
                missing.discard(old)
                text = text.replace(old, new)
        (folder / path.relative_to(SHIPPED)).write_text(text)
    if missing:
        raise ValueError(f"deploy/edge: {sorted(missing)} is missing")
    (folder / "nginx.conf").write_text(main)
    return [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]


def _changes(settings: EdgeSettings) -> dict[str, str]:
    """Return the replacements; later ones apply to what earlier ones wrote."""
    folder, tls = settings.folder, settings.tls
    port = settings.authority.removeprefix(settings.host)
    return {
        "/etc/letsencrypt/live/shop.example/": f"{folder}/",
        "/etc/nginx/theseller/": f"{folder}/",
        "/var/log/nginx/": f"{folder}/",
        "/var/www/html": f"{folder}/acme",
        "/dev/shm/theseller-nginx": f"{folder}/body",  # noqa: S108 - what the shipped file says
        f"{LOOPBACK}:8100": f"{LOOPBACK}:{settings.backend}",
        "listen 80;": f"listen {LOOPBACK}:{settings.plain};",
        "listen [::]:80;": "",
        "listen 443 ssl http2;": f"listen {LOOPBACK}:{tls} ssl http2;",
        "listen [::]:443 ssl http2;": "",
        "https://shop.example$request_uri": f"https://{settings.authority}$request_uri",
        "Host $host;": f"Host $host{port};",
        "shop.example": settings.host,
    }
