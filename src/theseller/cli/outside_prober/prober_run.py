"""Run the prober once.

Get a challenge, measure, deliver the signed report.
"""

from __future__ import annotations

import http.client
import json
from typing import Any

import msgspec

from theseller.cli.errors import CommandError
from theseller.cli.outside_prober.port_measurement import measure_ports
from theseller.cli.outside_prober.security_page_contact_measurement import measure_contact
from theseller.cli.outside_prober.sign_in_limit_measurement import measure_limits
from theseller.cli.outside_prober.target_connection import Answer, Target
from theseller.cli.outside_prober.tls_measurement import measure_tls
from theseller.cli.outside_prober.web_application_firewall_measurement import measure_edge
from theseller.controls.prober_reports.message_format import (
    REPORT_FORMAT,
    REPORT_PATH,
    START_FORMAT,
    START_PATH,
    Plan,
    Report,
    Start,
    encode_message,
)
from theseller.crypto.canonical_json_signing import SigningKey
from theseller.lib import clock

_SEE = "See docs/operate/prober.md."


def run_once(target: Target, name: str, key: SigningKey) -> Report:
    """Measure the deployment once; return the report that it accepted.

    Raises:
        CommandError: the deployment can't be reached, or refuses the prober.
    """
    address = _address(target)
    start = Start(format=START_FORMAT, prober=name, at=clock.now().isoformat())
    plan = _plan(_post(target, address, START_PATH, encode_message(start, key)))
    if plan.public_url != target.url:
        raise CommandError(
            f"The deployment says that its address is {plan.public_url}.",
            "Give the prober exactly its THESELLER_PUBLIC_URL.",
        )
    ports = measure_ports(target, plan)
    report = Report(
        format=REPORT_FORMAT,
        prober=name,
        run=plan.run,
        challenge=plan.challenge,
        public_url=plan.public_url,
        tls=measure_tls(target),
        ports=ports,
        edge=measure_edge(target, plan, ports),
        limits=measure_limits(target) if plan.limits else None,
        contact=measure_contact(target),
        measured_at=clock.now().isoformat(),
    )
    _post(target, address, REPORT_PATH, encode_message(report, key))
    return report


def _address(target: Target) -> str:
    try:
        return target.addresses()[0]
    except (OSError, IndexError):
        raise CommandError(f"The name {target.host} has no address here.", _SEE) from None


def _post(target: Target, address: str, path: str, message: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        answer = target.request(
            address, "POST", path, body=message, headers={"Content-Type": "application/json"}
        )
    except (OSError, http.client.HTTPException) as error:
        raise CommandError(
            f"{target.url} can't be reached over TLS ({type(error).__name__}).",
            "Nothing was reported: the controls of the security page become unknown.",
        ) from None
    content = _json(answer)
    if answer.status != 200:
        reason = str(content.get("error", ""))[:300] or f"status {answer.status}"
        raise CommandError(f"{target.url} refused the prober: {reason}", _SEE)
    return content


def _json(answer: Answer) -> dict[str, Any]:
    try:
        content = json.loads(answer.body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _plan(content: dict[str, Any]) -> Plan:
    try:
        return msgspec.convert(content, type=Plan)
    except msgspec.ValidationError:
        raise CommandError(
            "The deployment's answer can't be read.",
            "Install the same version of TheSeller here as on the deployment.",
        ) from None
