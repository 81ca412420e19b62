"""The clauses without a probe; the page shows them as not yet proven.

A clause that gets a file of its own is removed from this list.
"""

from __future__ import annotations

from theseller.controls.types import EnforcementKind, Pending
from theseller.lib.translation_marks import gettext_noop

PENDING: tuple[Pending, ...] = (
    Pending(
        "aup-no-redistribution",
        1,
        gettext_noop("Nothing is sold, shared, pooled or combined across sellers"),
        gettext_noop(
            "No read path joins two shops, and what leaves goes to the shop's own members."
        ),
        EnforcementKind.SOFTWARE,
        gettext_noop("No probe asks every page and download as another shop's member yet."),
    ),
    Pending(
        "auth-oauth",
        2,
        gettext_noop(
            "Authorization goes through Login with Amazon, and our secret stays on the server"
        ),
        gettext_noop(
            "The return from Amazon is bound to the browser session that began it and works once;"
            " the client secret is in no answer that leaves."
        ),
        EnforcementKind.SOFTWARE,
        gettext_noop("No probe searches the answers that leave the server yet."),
    ),
    Pending(
        "inc-plan",
        7,
        gettext_noop("There is a written incident plan with an owner, reviewed and exercised"),
        gettext_noop("The plan is reviewed every six months and exercised on a drill."),
        EnforcementKind.PROCEDURE,
        gettext_noop("The record of reviews is not built yet."),
    ),
    Pending(
        "inc-reportable",
        7,
        gettext_noop("What must be reported is a closed list, each kind with its deadlines"),
        gettext_noop("An incident has one of the listed kinds, and the kind sets the clocks."),
        EnforcementKind.SOFTWARE,
        gettext_noop("Incident records are not built yet."),
    ),
    Pending(
        "inc-triage",
        7,
        gettext_noop(
            "Alerts reach someone on call: acknowledged in 30 minutes, triaged in two hours"
        ),
        gettext_noop("An alert opens an incident and pages until someone acknowledges it."),
        EnforcementKind.SOFTWARE_AND_PROCEDURE,
        gettext_noop("Alerting is not built yet."),
    ),
    Pending(
        "inc-contain",
        7,
        gettext_noop("Credentials can be revoked and systems isolated at once"),
        gettext_noop("Revoking, freezing and emergency rotation are one step each."),
        EnforcementKind.SOFTWARE,
        gettext_noop(
            "Disconnecting, replacing a leaked secret and removing an operator are one step each;"
            " freezing a shop or the service is not built, and no probe tries any of them."
        ),
    ),
    Pending(
        "inc-notify",
        7,
        gettext_noop(
            "Amazon hears within 24 hours, the authority within 72, users without undue delay"
        ),
        gettext_noop("The clocks start at detection, and the notices are drafted from the facts."),
        EnforcementKind.SOFTWARE_AND_PROCEDURE,
        gettext_noop("Notices are not built yet."),
    ),
    Pending(
        "inc-investigate",
        7,
        gettext_noop("Logs are kept, the cause and the scope are found"),
        gettext_noop("A hold keeps the logs of an incident, and a report names what was touched."),
        EnforcementKind.SOFTWARE_AND_PROCEDURE,
        gettext_noop(
            "A hold keeps a shop's stored data (`theseller legal-hold`), and the audit log is never"
            " thinned; process logs are not kept by the service, and no report of an incident's"
            " scope is built."
        ),
    ),
    Pending(
        "inc-report",
        7,
        gettext_noop("An incident ends with a written report and its lessons"),
        gettext_noop("It can't be closed without one."),
        EnforcementKind.PROCEDURE,
        gettext_noop("Incident records are not built yet."),
    ),
    Pending(
        "org-notify",
        8,
        gettext_noop("Amazon is notified within 30 days of every material change"),
        gettext_noop(
            "The service opens a notice by itself when it sees a new role, kind of data, host or"
            " subprocessor."
        ),
        EnforcementKind.SOFTWARE_AND_PROCEDURE,
        gettext_noop("The register of changes is not built yet."),
    ),
    Pending(
        "ppl-onboarding",
        9,
        gettext_noop(
            "No one gets access without security onboarding and a promise of confidentiality"
        ),
        gettext_noop("A grant is refused without a dated record of both."),
        EnforcementKind.SOFTWARE_AND_PROCEDURE,
        gettext_noop("Personnel records are not built yet."),
    ),
    Pending(
        "ppl-review",
        9,
        gettext_noop("Access is as small as the work allows, and reviewed every quarter"),
        gettext_noop("A review covers every grant, of people and of services."),
        EnforcementKind.PROCEDURE,
        gettext_noop(
            "Reviews of operators' access sessions exist (see cred-access-log); a review of who"
            " holds which grant is not built."
        ),
    ),
    Pending(
        "ppl-offboard",
        9,
        gettext_noop("Access ends within 24 hours of leaving or changing role"),
        gettext_noop(
            "One event ends sessions and grants and rotates the secrets that the person knew."
        ),
        EnforcementKind.SOFTWARE,
        gettext_noop(
            "`theseller operator remove` ends an operator at once; personnel records, and the"
            " renewal of what a leaver knew, are not built."
        ),
    ),
    Pending(
        "sdl-review",
        10,
        gettext_noop("Changes are reviewed before they are merged"),
        gettext_noop("The repository accepts no change without a second person's review."),
        EnforcementKind.PROCEDURE,
        gettext_noop("The repository's settings can't be seen from the running service."),
    ),
    Pending(
        "sdl-scan",
        10,
        gettext_noop("Dependencies, code and secrets are scanned at every change"),
        gettext_noop("A vulnerable version, a dangerous call or a plain credential stops a merge."),
        EnforcementKind.SOFTWARE,
        gettext_noop(
            "Code and secrets are checked at every change; no result reaches the running service."
            " Installed packages are compared with known vulnerabilities there (see"
            " sdl-advisories), and none stops a merge."
        ),
    ),
    Pending(
        "sdl-reproducible",
        10,
        gettext_noop("Deployments are built from locked sources and can be rolled back"),
        gettext_noop("The same sources give the same image, bit for bit."),
        EnforcementKind.SOFTWARE,
        gettext_noop(
            "A release builds the wheel and the image twice with the same result, and what is"
            " installed is compared with it (see sdl-installed); no probe builds or rolls back."
        ),
    ),
    Pending(
        "vul-intake",
        12,
        gettext_noop(
            "Reports are acknowledged within 48 hours and assessed within five working days"
        ),
        gettext_noop(
            "Testing in good faith is welcome; serious findings are fixed without delay, and"
            " credited on request."
        ),
        EnforcementKind.SOFTWARE_AND_PROCEDURE,
        gettext_noop("The intake is not built yet."),
    ),
    Pending(
        "page-review",
        14,
        gettext_noop(
            "This page is reviewed every year, after material change and after an incident"
        ),
        gettext_noop("Each trigger opens a review with a date."),
        EnforcementKind.SOFTWARE_AND_PROCEDURE,
        gettext_noop("Reviews are not recorded yet."),
    ),
)
