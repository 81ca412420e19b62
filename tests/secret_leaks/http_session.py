"""A person's browser without a window.

It keeps every answer, whole, and the secrets that it was given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import httpx

from theseller.amazon.feature_requirements import OFFERED

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_SET_COOKIE = "set-cookie"


@dataclass(slots=True)
class ResponseLog:
    """All answers of a web server, and separately the Set-Cookie headers.

    Answers are what everyone may see; the headers contain some secrets by design.
    """

    plain: list[tuple[str, bytes]] = field(default_factory=list)
    cookies: list[bytes] = field(default_factory=list)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    clients: list[httpx.Client] = field(default_factory=list)

    def close(self) -> None:
        """Close what the browsers hold open."""
        for client in self.clients:
            client.close()

    def keep(self, answer: httpx.Response) -> None:
        head = [f"HTTP {answer.status_code}"]
        for name, value in answer.headers.multi_items():
            if name.lower() == _SET_COOKIE:
                self.cookies.append(value.encode())
            else:
                head.append(f"{name}: {value}")
        path = urlsplit(str(answer.request.url)).path
        place = f"{answer.request.method} {path} {answer.status_code}"
        self.plain.append((place, "\n".join(head).encode() + b"\n\n" + answer.content))
        self.statuses.setdefault(f"{answer.request.method} {path}", []).append(answer.status_code)


class HttpSession:
    """One session. `secrets` are those that only this browser and the product should know."""

    def __init__(self, name: str, web: str, answers: ResponseLog) -> None:
        self.name = name
        self.secrets: dict[str, str] = {}
        self._answers = answers
        # Without TLS the machine's list of authorities, which takes long to read, has no use.
        verify = not web.startswith("http://")
        self._http = httpx.Client(base_url=web, trust_env=False, timeout=90, verify=verify)
        answers.clients.append(self._http)
        self._serial = 0

    def get(self, path: str, **parameters: str) -> httpx.Response:
        return self._done(self._http.get(path, params=parameters or None))

    def post(
        self,
        path: str,
        data: dict[str, object] | None = None,
        *,
        page: str = "",
        files: object = None,
    ) -> httpx.Response:
        """Send a form as `page` (by default the same path) shows it."""
        found = _TOKEN.search(self.get(page or path).text)
        form = {**(data or {}), "csrfmiddlewaretoken": found.group(1) if found else ""}
        return self.post_bare(path, form, files=files)

    def post_bare(
        self, path: str, data: dict[str, object], *, files: object = None
    ) -> httpx.Response:
        """Send fields without asking for the form first, and so without its token."""
        # what httpx takes, it takes
        return self._done(self._http.post(path, data=data, files=files))  # type: ignore[arg-type]

    def sign_in(self, password: str) -> None:
        answer = self.post("/sign-in/", {"email": f"{self.name}@example.com", "password": password})
        assert answer.status_code == 302, f"{self.name} could not sign in: {answer.status_code}"

    def step_up_if_required(self, path: str, **proof: str) -> None:
        """Give `proof` (a password, or a code) once more, if the page at `path` asks for a fresh one."""
        if self.get(path).headers.get("location", "").startswith("/account/second-factor/"):
            assert self.post("/account/second-factor/", dict(proof)).status_code == 302

    def try_to_sign_in(self, password: str) -> None:
        answer = self.post("/sign-in/", {"email": f"{self.name}@example.com", "password": password})
        assert answer.status_code == 422

    def consent(self, store: str, seller: str, *, emulator: str) -> str:
        """Choose, go to Amazon, confirm there as `seller`.

        Return the address that Amazon sends this browser back to.
        """
        redirect = self.post(
            "/connections/attempts/",
            {"features": list(OFFERED), "marketplace": store},
            page="/connections/new/",
        )
        assert redirect.status_code == 303, redirect.status_code
        consent = redirect.headers["location"]
        fields = {name: values[0] for name, values in parse_qs(urlsplit(consent).query).items()}
        self._note("state", fields["state"])
        page = emulator + urlsplit(consent).path
        answer = httpx.post(
            page,
            data={**fields, "account": seller, "decision": "confirm"},
            trust_env=False,
            timeout=20,
        )
        assert answer.status_code == 303, answer.text
        back = str(answer.headers["location"])
        self._note("code", parse_qs(urlsplit(back).query)["spapi_oauth_code"][0])
        return back

    def come_back(self, address: str) -> httpx.Response:
        parts = urlsplit(address)
        return self.get(f"{parts.path}?{parts.query}")

    def _done(self, answer: httpx.Response) -> httpx.Response:
        self._answers.keep(answer)
        for cookie in self._http.cookies.jar:
            if cookie.value and cookie.value not in self.secrets.values():
                self._note(cookie.name.removeprefix("theseller_"), cookie.value)
        return answer

    def _note(self, kind: str, value: str) -> None:
        self._serial += 1
        self.secrets[f"{kind} of {self.name} {self._serial}"] = value
