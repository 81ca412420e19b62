"""Section 1 of the security page: what the data is used for."""

from __future__ import annotations

from collections.abc import Iterator

from tests.sabotage.saboteurs import Tools, breaks, sql, with_operation

from theseller.amazon.spapi_operations import Operation
from theseller.controls.probe_tools import module_imports
from theseller.mail import delivery, recipient_address_checks
from theseller.mail import operations as mail_operations
from theseller.mail.types import Recipient


@breaks("aup-no-training", "installs a library that trains models")
def _library(tools: Tools) -> Iterator[None]:
    info = tools.folder / "torch-9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9.9\n")
    tools.patch.syspath_prepend(str(tools.folder))
    yield


@breaks("aup-no-buyer-contact", "allows an operation that feeds messages to Amazon")
def _feeds(tools: Tools) -> Iterator[None]:
    with_operation(
        tools, Operation("createFeed", "POST", "/feeds/2021-06-30/feeds", 1, 1, frozenset())
    )
    yield


@breaks("aup-no-buyer-contact", "queues mail for any address")
def _any_recipient(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(mail_operations, "allowed_recipient", _allow_all)
    yield


@breaks("aup-no-buyer-contact", "sends queued mail to any address")
def _any_recipient_at_delivery(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(delivery, "allowed_recipient", _allow_all)
    yield


@breaks("aup-no-buyer-contact", "knows Amazon's relay addresses by one country's domain only")
def _one_relay_domain(tools: Tools) -> Iterator[None]:
    def one_country(address: str) -> bool:
        return address.endswith("@marketplace.amazon.com")

    tools.patch.setattr(recipient_address_checks, "is_relay", one_country)
    yield


@breaks("aup-no-buyer-contact", "sends mail from another module")
def _other_mailer(tools: Tools) -> Iterator[None]:
    found = module_imports.module_imports() | {"ingest/tell_buyers.py": frozenset({"smtplib"})}
    tools.patch.setattr(module_imports, "module_imports", lambda: found)
    yield


def _allow_all(address: str, **_rules: object) -> Recipient:
    return Recipient(address)


sql(
    "aup-no-buyer-contact",
    "drops the constraint that keeps Amazon's relay addresses out of the outbox",
    "alter table mail_message drop constraint mail_message_no_relay",
    "alter table mail_message add constraint mail_message_no_relay check (recipient !~"
    " '[@.]marketplace[.]amazon([.]|$)')",
)
sql(
    "aup-purpose",
    "pulls a stream that no feature of this version needs",
    "insert into ingest_stream (tenant_id, connection_id, name, due_at) values ('{alice}',"
    " '{open}', 'messages', now() + interval '1 day')",
    "delete from ingest_stream where name = 'messages'",
)
sql(
    "aup-purpose",
    "pulls from Amazon for a connection that was made of files",
    "insert into connections_connection (tenant_id, id, origin, region, selling_partner_id,"
    " marketplace_ids, features, roles, created_at) values ('{charlie}', '{new}', 'files', 'eu',"
    " '', '{{}}', '{{}}', '{{}}', now());insert into ingest_stream (tenant_id, connection_id, name,"
    " due_at) values ('{charlie}', '{new}', 'orders', now() + interval '1 day')",
    "delete from ingest_stream where connection_id = '{new}'; delete from connections_connection"
    " where id = '{new}'",
)
