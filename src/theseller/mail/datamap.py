"""Table descriptors of `mail`."""

from __future__ import annotations

from theseller.datamap.table_registry import describe_table
from theseller.datamap.types import CrossTenantFunction, DataClass, Eraser

_KEPT = "30 days after its delivery ended (job mail.delete_old_mail), and with the account"

describe_table(
    "mail_message",
    DataClass.SELLER_PERSONAL,
    note=(
        "Mail to members, operators and authorities; texts are deleted when the delivery ends, and"
        " links that act for their reader are sealed under a key of the day, which is destroyed"
        " three days later. Operators' pages see counts and rows without addresses."
    ),
    columns=(
        "id:operational kind:operational recipient user_id language:operational"
        " idempotency_key:operational message_id:operational queued_at:operational"
        " deliver_until:operational next_attempt_at:operational state:operational"
        " attempts:operational finished_at:operational reason:operational context"
        " sealed:credentials data_key_id:operational"
    ),
    indexes="_pkey _due _finished _idempotency_key_key _person",
    parents=("accounts_user",),
    sealed_columns=(("sealed", "session"),),
    retention=_KEPT,
    eraser=Eraser.DELETE_USER,
    functions=(
        CrossTenantFunction("mail_recipient(text)", ("auth", "operator", "worker")),
        CrossTenantFunction("mail_language(uuid)", ("auth", "operator", "worker")),
        CrossTenantFunction("operator_addresses()", ("worker",)),
        CrossTenantFunction("shortened_address(text)"),
        CrossTenantFunction("without_addresses(text, text)"),
        CrossTenantFunction("undelivered_mail(int)", ("operator",)),
        CrossTenantFunction("undelivered_mail_counts(timestamptz)", ("operator", "worker")),
        CrossTenantFunction(
            "send_mail_again(uuid, timestamptz)", ("operator", "worker"), "requests"
        ),
    ),
    grants=(
        (
            "auth",
            "select (id, idempotency_key, data_key_id, queued_at), insert",
        ),
        ("operator", "select (id, idempotency_key, data_key_id, queued_at), insert"),
        (
            "worker",
            (
                "select, insert, delete, update (next_attempt_at, state, attempts, finished_at,"
                " reason, context, sealed, data_key_id)"
            ),
        ),
        ("retention", "select, delete"),
        (
            "directory",
            (
                "select (id, kind, recipient, state, queued_at, deliver_until, next_attempt_at,"
                " finished_at, attempts, reason)"
            ),
        ),
        (
            "requests",
            (
                "select (id, recipient, state, queued_at, deliver_until), update (state, context,"
                " queued_at, deliver_until, next_attempt_at, finished_at)"
            ),
        ),
        ("probe", "select (id, kind, user_id, queued_at, finished_at, state)"),
    ),
)
describe_table(
    "mail_attempt",
    DataClass.OPERATIONAL,
    note="Each connection to the mail server for a message, with the server's answer.",
    columns="message_id number begun_at data_at ended_at outcome code reply:seller_personal",
    indexes="_pkey",
    parents=("mail_message",),
    retention="with its message",
    eraser=Eraser.CASCADE,
    grants=(
        ("worker", "select, insert, update (data_at, ended_at, outcome, code, reply)"),
        ("directory", "select (message_id, number, outcome, code, reply)"),
        ("probe", "select (message_id, number, begun_at, ended_at, outcome, code)"),
    ),
)
describe_table(
    "mail_refused_address",
    DataClass.SELLER_PERSONAL,
    note="Addresses that a mail server refused for good, or from which a bounce came.",
    columns="address id:operational user_id refused_at:operational reason",
    indexes="_pkey _id_key _person",
    parents=("accounts_user",),
    retention="a year (job mail.delete_old_mail), or until allowed again; with the account",
    eraser=Eraser.DELETE_USER,
    functions=(CrossTenantFunction("refused_mail_addresses(int)", ("operator",)),),
    grants=(
        ("worker", "select, insert, update (refused_at, reason), delete"),
        ("directory", "select (address, id, refused_at, reason)"),
        ("requests", "select (address)"),
        ("retention", "select, delete"),
        ("probe", "select (id, user_id, refused_at)"),
    ),
)
describe_table(
    "mail_unsent_text",
    DataClass.OPERATIONAL,
    note=(
        "The text of a message whose delivery failed, if it has no link that acts for its reader,"
        " so that an operator can send it again."
    ),
    columns="message_id context",
    indexes="_pkey",
    parents=("mail_message",),
    retention="with its message, or until it is sent again",
    eraser=Eraser.CASCADE,
    grants=(
        ("worker", "insert"),
        ("directory", "select (message_id)"),
        ("requests", "select, delete"),
        ("probe", "select (message_id)"),
    ),
)
describe_table(
    "mail_inbox",
    DataClass.SELLER_PERSONAL,
    note="Mail of a demo, which leaves the machine by no server; empty in other deployments.",
    columns="message_id:operational content",
    indexes="_pkey",
    parents=("mail_message",),
    retention="with its message",
    eraser=Eraser.CASCADE,
    grants=(("worker", "select, insert"), ("auth", "select"), ("probe", "select (message_id)")),
)
