"""The clauses without a probe; the page shows them as not yet proven.

A clause that gets a file of its own is removed from this list.
"""

from __future__ import annotations

from theseller.controls.types import EnforcementKind, Pending

PENDING: tuple[Pending, ...] = (
    Pending(
        "aup-no-redistribution",
        1,
        "Nothing is sold, shared, pooled or combined across sellers",
        "No read path joins two shops, and what leaves goes to the shop's own members.",
        EnforcementKind.SOFTWARE,
        "No probe asks every page and download as another shop's member yet.",
    ),
    Pending(
        "auth-oauth",
        2,
        "Authorization goes through Login with Amazon, and our secret stays on the server",
        "The return from Amazon is bound to the browser session that began it and works once; the"
        " client secret is in no answer that leaves.",
        EnforcementKind.SOFTWARE,
        "No probe searches the answers that leave the server yet.",
    ),
    Pending(
        "net-tls",
        4,
        "Every public address speaks TLS 1.2 or later",
        "Plain HTTP is redirected, and browsers are instructed to require TLS (HSTS).",
        EnforcementKind.SOFTWARE_AND_DEPLOYMENT,
        "No probe shakes hands with the public address yet.",
    ),
    Pending(
        "net-db-private",
        4,
        "The database can't be reached from the internet",
        "It listens on a private socket or network only, for roles without special rights.",
        EnforcementKind.SOFTWARE_AND_DEPLOYMENT,
        "No probe tries from outside yet.",
    ),
    Pending(
        "net-edge",
        4,
        "Public addresses sit behind an edge with a web application firewall",
        "Attacks of the common kinds are answered by the edge and never reach the service.",
        EnforcementKind.DEPLOYMENT,
        "The edge belongs to the deployment and is not probed yet.",
    ),
    Pending(
        "net-rate-limit",
        4,
        "Sign-in, authorization and calls to Amazon are limited for each account and each address",
        "One limiter, shared by all processes, counts every try before it is answered.",
        EnforcementKind.SOFTWARE,
        "Sign-in and authorization are limited; no probe tries a burst yet.",
    ),
    Pending(
        "inc-plan",
        7,
        "There is a written incident plan with an owner, reviewed and exercised",
        "The plan is reviewed every six months and exercised on a drill.",
        EnforcementKind.PROCEDURE,
        "The record of reviews is not built yet.",
    ),
    Pending(
        "inc-reportable",
        7,
        "What must be reported is a closed list, each kind with its deadlines",
        "An incident has one of the listed kinds, and the kind sets the clocks.",
        EnforcementKind.SOFTWARE,
        "Incident records are not built yet.",
    ),
    Pending(
        "inc-triage",
        7,
        "Alerts reach someone on call: acknowledged in 30 minutes, triaged in two hours",
        "An alert opens an incident and pages until someone acknowledges it.",
        EnforcementKind.SOFTWARE_AND_PROCEDURE,
        "Alerting is not built yet.",
    ),
    Pending(
        "inc-contain",
        7,
        "Credentials can be revoked and systems isolated at once",
        "Revoking, freezing and emergency rotation are one step each.",
        EnforcementKind.SOFTWARE,
        "Disconnecting, replacing a leaked secret and removing an operator are one step each;"
        " freezing a shop or the service is not built, and no probe tries any of them.",
    ),
    Pending(
        "inc-notify",
        7,
        "Amazon hears within 24 hours, the authority within 72, users without undue delay",
        "The clocks start at detection, and the notices are drafted from the facts.",
        EnforcementKind.SOFTWARE_AND_PROCEDURE,
        "Notices are not built yet.",
    ),
    Pending(
        "inc-investigate",
        7,
        "Logs are kept, the cause and the scope are found",
        "A hold keeps the logs of an incident, and a report names what was touched.",
        EnforcementKind.SOFTWARE_AND_PROCEDURE,
        "A hold keeps a shop's stored data (`theseller hold`), and the audit log is never thinned;"
        " process logs are not kept by the service, and no report of an incident's scope is built.",
    ),
    Pending(
        "inc-report",
        7,
        "An incident ends with a written report and its lessons",
        "It can't be closed without one.",
        EnforcementKind.PROCEDURE,
        "Incident records are not built yet.",
    ),
    Pending(
        "org-notify",
        8,
        "Amazon is notified within 30 days of every material change",
        "The service opens a notice by itself when it sees a new role, kind of data, host or"
        " subprocessor.",
        EnforcementKind.SOFTWARE_AND_PROCEDURE,
        "The register of changes is not built yet.",
    ),
    Pending(
        "ppl-onboarding",
        9,
        "No one gets access without security onboarding and a promise of confidentiality",
        "A grant is refused without a dated record of both.",
        EnforcementKind.SOFTWARE_AND_PROCEDURE,
        "Personnel records are not built yet.",
    ),
    Pending(
        "ppl-review",
        9,
        "Access is as small as the work allows, and reviewed every quarter",
        "A review covers every grant, of people and of services.",
        EnforcementKind.PROCEDURE,
        "Reviews of operators' access sessions exist (see cred-access-log); a review of who holds"
        " which grant is not built.",
    ),
    Pending(
        "ppl-offboard",
        9,
        "Access ends within 24 hours of leaving or changing role",
        "One event ends sessions and grants and rotates the secrets that the person knew.",
        EnforcementKind.SOFTWARE,
        "`theseller operator remove` ends an operator at once; personnel records, and the renewal"
        " of what a leaver knew, are not built.",
    ),
    Pending(
        "sdl-review",
        10,
        "Changes are reviewed before they are merged",
        "The repository accepts no change without a second person's review.",
        EnforcementKind.PROCEDURE,
        "The repository's settings can't be seen from the running service.",
    ),
    Pending(
        "sdl-scan",
        10,
        "Dependencies, code and secrets are scanned at every change",
        "A vulnerable version, a dangerous call or a plain credential stops a merge.",
        EnforcementKind.SOFTWARE,
        "Code and secrets are checked at every change; dependencies are not compared with known"
        " vulnerabilities yet, and no result reaches the running service.",
    ),
    Pending(
        "sdl-reproducible",
        10,
        "Deployments are built from locked sources and can be rolled back",
        "The same sources give the same image, bit for bit.",
        EnforcementKind.SOFTWARE,
        "Images are not built yet.",
    ),
    Pending(
        "vul-intake",
        12,
        "Reports are acknowledged within 48 hours and assessed within five working days",
        "Testing in good faith is welcome; serious findings are fixed without delay, and credited"
        " on request.",
        EnforcementKind.SOFTWARE_AND_PROCEDURE,
        "The intake is not built yet.",
    ),
    Pending(
        "page-contact",
        13,
        "The officer, the legal entity and its address are named",
        "They are required settings of a production deployment.",
        EnforcementKind.SOFTWARE,
        "This deployment names no officer, legal entity or address.",
    ),
    Pending(
        "page-review",
        14,
        "This page is reviewed every year, after material change and after an incident",
        "Each trigger opens a review with a date.",
        EnforcementKind.SOFTWARE_AND_PROCEDURE,
        "Reviews are not recorded yet.",
    ),
)
