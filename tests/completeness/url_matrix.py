"""The expected status of each URL, by method and kind of visitor (`test_urls.py`)."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Who requests, in this order: the owner comes last, for she may delete what the others must still
#: find. `other_shop` owns another shop; `operator` has proven a second factor, `unproven` is an
#: operator who has not.
PEOPLE = (
    "anonymous",
    "other_shop",
    "operator",
    "unproven",
    "viewer",
    "accountant",
    "analyst",
    "owner",
)
OUTSIDERS = PEOPLE[:4]


@dataclass(frozen=True, slots=True)
class Row:
    """The expected statuses of one address, by method and person.

    `data`: a post that would succeed if permitted.

    302 leads anonymous people to the sign-in page and others onward; 404 hides; 403 is a member
    without the permission; 405 a method that the address does not have; 422 a form that was not
    filled in.
    """

    statuses: dict[str, dict[str, int]]
    data: dict[str, object] = field(default_factory=dict)

    def expected(self, method: str, person: str) -> int:
        return self.statuses[method][person]


def _read(table: str, data: dict[str, dict[str, object]]) -> dict[str, Row]:
    """Return the rows of a table: address, method and a status for each person.

    `(start)` is the start page.
    """
    head, *lines = (line.split() for line in table.strip().splitlines() if not line.startswith("#"))
    assert head == ["address", "method", *PEOPLE]
    found: dict[str, Row] = {}
    address = ""
    for line in lines:
        if line[0] != "POST":
            address = line.pop(0).replace("(start)", "")
            found[address] = Row({}, data.get(address, {}))
        method, *statuses = line
        found[address].statuses[method] = dict(zip(PEOPLE, map(int, statuses), strict=True))
    return found


_CHOICE: dict[str, object] = {"features": ["sales"], "marketplace": "ATVPDKIKX0DER"}

MATRIX = _read(
    """
address method anonymous other_shop operator unproven viewer accountant analyst owner
(start)                                         GET  200  200  302  302  200  200  200  200
                                                POST 405  405  405  405  405  405  405  405
products/                                       GET  302  200  302  302  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
products/costs/                                 GET  302  200  302  302  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
products/costs/file/                            GET  302  404  302  302  403  403  200  200
                                                POST 302  404  302  302  403  403  422  422
# Both name a product in a parameter.
products/costs/product/                         GET  302  404  302  302  404  404  404  404
                                                POST 302  405  405  405  405  405  405  405
products/costs/set/                             GET  302  405  405  405  405  405  405  405
                                                POST 302  404  302  302  403  403  302  302
products/costs/removal/                         GET  302  405  405  405  405  405  405  405
                                                POST 302  404  302  302  403  403  302  302
orders/                                         GET  302  200  302  302  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
orders/<str:order>/                             GET  302  404  302  302  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
traffic/                                        GET  302  200  302  302  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
returns/                                        GET  302  200  302  302  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
inventory/                                      GET  302  200  302  302  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
expenses/                                       GET  302  200  302  302  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
expenses/set/                                   GET  302  405  405  405  405  405  405  405
                                                POST 302  422  302  302  403  422  422  422
expenses/removal/                               GET  302  405  405  405  405  405  405  405
                                                POST 302  404  302  302  403  404  404  404
inventory/replenishment/                        GET  302  405  405  405  405  405  405  405
                                                POST 302  422  302  302  403  403  422  422
settlements/                                    GET  302  200  302  302  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
settlements/<str:number>/                       GET  302  404  302  302  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
reconciliation/                                 GET  302  200  302  302  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
profit-and-loss/                                GET  302  200  302  302  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
days/<str:day>/                                 GET  302  200  302  302  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
healthz                                         GET  200  200  200  200  200  200  200  200
                                                POST 405  405  405  405  405  405  405  405
readyz                                          GET  200  200  200  200  200  200  200  200
                                                POST 405  405  405  405  405  405  405  405
sign-in/                                        GET  200  302  302  302  302  302  302  302
                                                POST 422  302  302  302  302  302  302  302
# Single sign-on is not configured by default: see SINGLE_SIGN_ON.
sign-in/single-sign-on/                         GET  404  404  404  404  404  404  404  404
                                                POST 405  405  405  405  405  405  405  405
sign-in/single-sign-on/return/                  GET  404  404  404  404  404  404  404  404
                                                POST 405  405  405  405  405  405  405  405
sign-out/                                       GET  302  405  405  405  405  405  405  405
                                                POST 302  302  302  302  302  302  302  302
# Off by default: see SIGN_UP.
sign-up/                                        GET  404  404  404  404  404  404  404  404
                                                POST 404  404  404  404  404  404  404  404
sign-up/<str:token>/                            GET  404  404  404  404  404  404  404  404
                                                POST 404  404  404  404  404  404  404  404
join/<str:token>/                               GET  200  200  200  200  200  200  200  200
                                                POST 422  422  422  422  422  422  422  422
members/                                        GET  302  200  302  302  403  403  403  200
                                                POST 302  302  302  302  403  403  403  302
members/<uuid:person>/role/                     GET  302  405  405  405  405  405  405  405
                                                POST 302  302  302  302  403  403  403  302
members/<uuid:person>/marketplaces/             GET  302  404  302  302  403  403  403  200
                                                POST 302  302  302  302  403  403  403  302
members/<uuid:person>/ownership/                GET  302  405  405  405  405  405  405  405
                                                POST 302  302  302  302  403  403  403  302
members/<uuid:person>/removal/                  GET  302  405  405  405  405  405  405  405
                                                POST 302  302  302  302  403  403  403  302
members/invitations/<uuid:invitation>/withdrawal/ GET  302  405  405  405  405  405  405  405
                                                POST 302  302  302  302  403  403  403  302
password-reset/                                 GET  200  200  200  200  200  200  200  200
                                                POST 422  422  422  422  422  422  422  422
new-password/<str:token>/                       GET  200  200  200  200  200  200  200  200
                                                POST 422  422  422  422  422  422  422  422
no-shop/                                        GET  302  200  302  302  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
memberships/<uuid:tenant>/                      GET  302  405  405  405  405  405  405  405
                                                POST 302  404  404  404  302  302  302  302
connections/                                    GET  302  200  302  302  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
connections/new/                                GET  302  200  302  302  403  403  403  200
                                                POST 302  200  302  302  403  403  403  200
connections/attempts/                           GET  302  405  405  405  405  405  405  405
                                                POST 302  303  302  302  403  403  403  303
connections/callback/                           GET  302  302  302  302  403  403  403  302
                                                POST 302  405  405  405  405  405  405  405
connections/refused/<str:refusal>/              GET  302  200  302  302  403  403  403  200
                                                POST 302  405  405  405  405  405  405  405
# What destroys or takes away much asks for a fresh proof first, which none of these sessions has:
# see FRESH.
connections/<uuid:connection>/disconnection/    GET  302  302  302  302  403  403  403  302
                                                POST 302  302  302  302  403  403  403  302
connections/<uuid:connection>/erasure/          GET  302  404  302  302  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
connections/<uuid:connection>/certificate.json  GET  302  404  302  302  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
certificates/<str:token>/                       GET  200  200  200  200  200  200  200  200
                                                POST 405  405  405  405  405  405  405  405
packing-slips/                                  GET  302  200  302  302  403  403  200  200
                                                POST 302  405  405  405  405  405  405  405
packing-slips/requests/                         GET  302  405  405  405  405  405  405  405
                                                POST 302  422  302  302  403  403  422  422
packing-slips/looks/                            GET  302  200  302  302  403  403  403  200
                                                POST 302  405  405  405  405  405  405  405
packing-slips/print/                            GET  302  405  405  405  405  405  405  405
                                                POST 302  422  302  302  403  403  422  422
packing-slips/<uuid:connection>/on/             GET  302  404  302  302  403  403  403  302
                                                POST 302  302  302  302  403  403  403  302
packing-slips/<uuid:connection>/off/            GET  302  302  302  302  403  403  403  302
                                                POST 302  302  302  302  403  403  403  302
imports/                                        GET  302  200  302  302  403  403  200  200
                                                POST 302  422  302  302  403  403  422  422
imports/progress/                               GET  302  200  302  302  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
security/                                       GET  200  200  200  200  200  200  200  200
                                                POST 405  405  405  405  405  405  405  405
security/page.json                              GET  200  200  200  200  200  200  200  200
                                                POST 405  405  405  405  405  405  405  405
security/<slug:clause>/                         GET  200  200  200  200  200  200  200  200
                                                POST 405  405  405  405  405  405  405  405
# Only signed messages of registered probers are answered.
prober/runs/                                    GET  405  405  405  405  405  405  405  405
                                                POST 400  400  400  400  400  400  400  400
prober/reports/                                 GET  405  405  405  405  405  405  405  405
                                                POST 400  400  400  400  400  400  400  400
account/security/                               GET  302  200  200  200  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
account/security/authenticator/                 GET  302  302  302  302  302  302  302  302
                                                POST 302  302  302  302  302  302  302  302
account/security/passkey/                       GET  302  302  302  302  302  302  302  302
                                                POST 302  302  302  302  302  302  302  302
account/security/password/                      GET  302  302  200  302  302  302  302  302
                                                POST 302  302  422  302  302  302  302  302
account/security/deletion/                      GET  302  302  200  302  302  302  302  302
                                                POST 302  302  422  302  302  302  302  302
account/security/ownership/<uuid:tenant>/       GET  302  405  405  405  405  405  405  405
                                                POST 302  302  404  302  302  302  302  302
account/security/factors/<uuid:factor>/removal/ GET  302  405  405  405  405  405  405  405
                                                POST 302  302  302  302  302  302  302  302
account/language/                               GET  302  405  405  405  405  405  405  405
                                                POST 302  302  302  302  302  302  302  302
account/security/recovery-codes/                GET  302  405  405  405  405  405  405  405
                                                POST 302  302  200  302  302  302  302  302
account/security/single-sign-on/                GET  302  404  404  404  404  404  404  404
                                                POST 302  404  404  404  404  404  404  404
account/security/single-sign-on/removal/        GET  302  405  405  405  405  405  405  405
                                                POST 302  302  302  302  302  302  302  302
account/second-factor/single-sign-on/           GET  302  404  404  404  404  404  404  404
                                                POST 302  405  405  405  405  405  405  405
account/second-factor/                          GET  302  200  200  200  200  200  200  200
                                                POST 302  422  422  422  422  422  422  422
activity/                                       GET  302  200  302  302  403  403  403  200
                                                POST 302  405  405  405  405  405  405  405
data/                                           GET  302  200  302  302  200  200  200  200
                                                POST 302  405  405  405  405  405  405  405
data/deletion/                                  GET  302  302  302  302  403  403  403  302
                                                POST 302  302  302  302  403  403  403  302
data/export/                                    GET  302  405  405  405  405  405  405  405
                                                POST 302  302  302  302  403  403  403  302
demo-mail/                                      GET  200  200  200  200  200  200  200  200
                                                POST 405  405  405  405  405  405  405  405
demo-mail/<uuid:message>/                       GET  404  404  404  404  404  404  404  404
                                                POST 405  405  405  405  405  405  405  405
demo-mail/<uuid:message>/html/                  GET  404  404  404  404  404  404  404  404
                                                POST 405  405  405  405  405  405  405  405
operate/                                        GET  302  404  200  302  404  404  404  404
                                                POST 302  405  405  405  405  405  405  405
operate/access/                                 GET  302  404  200  302  404  404  404  404
                                                POST 302  405  405  405  405  405  405  405
operate/access/<uuid:session>/close/            GET  302  405  405  405  405  405  405  405
                                                POST 302  404  404  302  404  404  404  404
operate/access/open/                            GET  302  404  200  302  404  404  404  404
                                                POST 302  404  422  302  404  404  404  404
operate/deletion-requests/                      GET  302  404  200  302  404  404  404  404
                                                POST 302  404  422  302  404  404  404  404
operate/ends/<uuid:subject>/certificate.json    GET  302  404  404  302  404  404  404  404
                                                POST 302  405  405  405  405  405  405  405
operate/mail/                                   GET  302  404  200  302  404  404  404  404
                                                POST 302  405  405  405  405  405  405  405
operate/mail/<uuid:message>/again/              GET  302  405  405  405  405  405  405  405
                                                POST 302  404  302  302  404  404  404  404
operate/status/                                 GET  302  404  200  302  404  404  404  404
                                                POST 302  405  405  405  405  405  405  405
operate/shops/                                  GET  302  404  200  302  404  404  404  404
                                                POST 302  405  405  405  405  405  405  405
operate/shops/new/                              GET  302  404  200  302  404  404  404  404
                                                POST 302  404  422  302  404  404  404  404
# There is no such shop without an owner.
operate/shops/<uuid:tenant>/owner/              GET  302  404  404  302  404  404  404  404
                                                POST 302  404  404  302  404  404  404  404
operate/reviews/                                GET  302  404  200  302  404  404  404  404
                                                POST 302  404  422  302  404  404  404  404
""",
    {
        "connections/new/": _CHOICE,
        "connections/attempts/": _CHOICE,
        "connections/<uuid:connection>/disconnection/": {"confirm": "DISCONNECT"},
        "members/<uuid:person>/role/": {"role": "viewer"},
        "products/costs/set/": {"sku": "ALICES-SKU-7", "unit_cost": "3.50"},
        "products/costs/removal/": {
            "sku": "ALICES-SKU-7",
            "marketplace": "",
            "currency": "USD",
            "valid_from": "2000-01-01",
        },
    },
)

#: The rows of those that ask for a fresh proof, for people who have just given it.
FRESH = _read(
    """
address method anonymous other_shop operator unproven viewer accountant analyst owner
connections/<uuid:connection>/disconnection/    GET  302  404  302  302  403  403  403  200
                                                POST 302  404  302  302  403  403  403  302
packing-slips/<uuid:connection>/on/             GET  302  404  302  302  403  403  403  302
                                                POST 302  404  302  302  403  403  403  302
# Alice's open connection is of imported files: there is nothing to turn off, and she is led to the
# page that says so.
packing-slips/<uuid:connection>/off/            GET  302  404  302  302  403  403  403  302
                                                POST 302  404  302  302  403  403  403  302
data/deletion/                                  GET  302  200  302  302  403  403  403  200
                                                POST 302  422  302  302  403  403  403  422
data/export/                                    GET  302  405  405  405  405  405  405  405
                                                POST 302  200  302  302  403  403  403  200
members/                                        GET  302  200  302  302  403  403  403  200
                                                POST 302  422  302  302  403  403  403  422
members/<uuid:person>/role/                     GET  302  405  405  405  405  405  405  405
                                                POST 302  404  302  302  403  403  403  302
members/<uuid:person>/marketplaces/             GET  302  404  302  302  403  403  403  200
                                                POST 302  404  302  302  403  403  403  302
members/<uuid:person>/ownership/                GET  302  405  405  405  405  405  405  405
                                                POST 302  404  302  302  403  403  403  302
members/<uuid:person>/removal/                  GET  302  405  405  405  405  405  405  405
                                                POST 302  404  302  302  403  403  403  302
members/invitations/<uuid:invitation>/withdrawal/ GET  302  405  405  405  405  405  405  405
                                                POST 302  404  302  302  403  403  403  302
""",
    {},
)

#: The statuses where people may open shops themselves.
SIGN_UP = _read(
    """
address method anonymous other_shop operator unproven viewer accountant analyst owner
sign-up/                                        GET  200  200  200  200  200  200  200  200
                                                POST 422  422  422  422  422  422  422  422
# A link of a new address: its page says so to people who are signed in as someone else.
sign-up/<str:token>/                            GET  200  200  200  200  200  200  200  200
                                                POST 422  422  422  422  422  422  422  422
""",
    {},
)

#: The statuses where an identity provider is configured, for operators.
SINGLE_SIGN_ON = _read(
    """
address method anonymous other_shop operator unproven viewer accountant analyst owner
sign-in/single-sign-on/                         GET  302  302  302  302  302  302  302  302
                                                POST 405  405  405  405  405  405  405  405
# A response to nothing that was begun.
sign-in/single-sign-on/return/                  GET  403  403  403  403  403  403  403  403
                                                POST 405  405  405  405  405  405  405  405
# Only the operator has a fresh proof: she is led to the provider, and has nothing to confirm.
account/security/single-sign-on/                GET  302  302  302  302  302  302  302  302
                                                POST 302  302  403  302  302  302  302  302
account/second-factor/single-sign-on/           GET  302  302  302  302  302  302  302  302
                                                POST 302  405  405  405  405  405  405  405
""",
    {},
)

#: What anyone on the network may open. Every address here is one more that the edge must withstand:
#: the list may only shrink. It grew six times: by the proof of an end (anyone who ended a shop or
#: an account has none to sign in with), by /readyz, by the start page, which reads nothing of
#: the database for who is not signed in, by the pages of one-time links and the page that
#: requests one, whose people have no password yet or lost it, and by the two pages of sign-up, which
#: are not found unless an operator turns it on, and by the two pages of single sign-on, which are
#: not found unless an identity provider is configured.
PUBLIC = {
    "",
    "healthz",
    "readyz",
    "sign-in/",
    "sign-in/single-sign-on/",
    "sign-in/single-sign-on/return/",
    "security/",
    "security/page.json",
    "security/<slug:clause>/",
    "certificates/<str:token>/",
    "join/<str:token>/",
    "new-password/<str:token>/",
    "password-reset/",
    "sign-up/",
    "sign-up/<str:token>/",
    "prober/runs/",
    "prober/reports/",
}
PUBLIC_MOST = 17
#: Each message there is signed by its sender; no cookie gives a right.
SIGNED = {"prober/runs/", "prober/reports/"}
#: Addresses that a deployment which sends mail does not have: a demo and a test show it instead.
DEMO_ONLY = {"demo-mail/", "demo-mail/<uuid:message>/", "demo-mail/<uuid:message>/html/"}
