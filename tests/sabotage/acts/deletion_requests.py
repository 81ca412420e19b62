"""Section 1: requests for deletion."""

from __future__ import annotations

from tests.sabotage.saboteurs import sql

_OPENLY, _SECRETLY = (
    "set session_replication_role = origin",
    "set session_replication_role = replica",
)

sql(
    "aup-deletion-requests",
    "leaves a request of Amazon's lying for 31 days",
    "insert into governance_deletion_request (tenant_id, id, origin, connections, received_at,"
    " recorded_at, recorded_by, reference) values ('{charlie}', gen_random_uuid(),"
    " 'amazon_request', array['{ended}'::uuid], now() - interval '31 days', now() - interval '1"
    " minute', 'operator:sabotage', 'LEFT-LYING')",
    f"{_SECRETLY}; delete from governance_deletion_request where reference = 'LEFT-LYING';"
    f" {_OPENLY}",
)
sql(
    "aup-deletion-requests",
    "records a request and does not begin it",
    "insert into governance_deletion_request (tenant_id, id, origin, connections, received_at,"
    " recorded_at, recorded_by, reference) values ('{alice}', gen_random_uuid(), 'amazon_request',"
    " array['{open}'::uuid], now() - interval '2 hours', now() - interval '2 hours',"
    " 'operator:sabotage', 'NOT-BEGUN')",
    f"{_SECRETLY}; delete from governance_deletion_request where reference = 'NOT-BEGUN';"
    f" {_OPENLY}",
)
sql(
    "aup-deletion-requests",
    "calls an erasure complete and withholds its certificate",
    "create temp table withheld as select * from erasure_certificate where subject_id ="
    " '{certified}';delete from erasure_certificate where subject_id = '{certified}'",
    "insert into erasure_certificate select * from withheld; drop table withheld",
    # It counts the rows of certified connections, and there is no other.
    blinds=("life-purge-30",),
)
sql(
    "aup-deletion-requests",
    "lets a connection end without a request on record",
    "create temp table unrecorded as select * from governance_deletion_request where"
    f" '{{ended}}'::uuid = any (connections); {_SECRETLY}; delete from governance_deletion_request"
    f" where '{{ended}}'::uuid = any (connections); {_OPENLY}",
    "insert into governance_deletion_request select * from unrecorded; drop table unrecorded",
)
sql(
    "aup-deletion-requests",
    "keeps a connection open two days after its yearly authorization ended",
    "update connections_connection set authorisation_expires_at = now() - interval '2 days' where"
    " id = '{open}'",
    "update connections_connection set authorisation_expires_at = now() + interval '364 days' where"
    " id = '{open}'",
)
sql(
    "aup-deletion-requests",
    "lets a shop stand for 31 days after its owner asked for its end",
    "insert into governance_deletion_request (tenant_id, id, origin, connections, ends_shop,"
    " received_at, recorded_at, recorded_by) values ('{alice}', gen_random_uuid(),"
    " 'account_deletion', array['{certified}'::uuid], true, now() - interval '31 days', now() -"
    " interval '31 days', 'process:sabotage')",
    f"{_SECRETLY}; delete from governance_deletion_request where recorded_by = 'process:sabotage';"
    f" {_OPENLY}",
)
sql(
    "aup-deletion-requests",
    "lets an account stand for 31 days after its person asked for its end",
    "insert into erasure_erasure (tenant_id, subject_id, kind, requested_at, own_request)"
    " values ('{new}', '{new}', 'person', now() - interval '31 days', true)",
    "delete from erasure_erasure where subject_id = '{new}'",
    also=("pii-delete-on-disconnect",),
)
sql(
    "aup-deletion-requests",
    "calls the deletion of a shop complete and issues no certificate",
    "insert into erasure_erasure (tenant_id, subject_id, kind, requested_at, requested_by,"
    " left_over, completed_at) values ('{new}', '{new}', 'shop', now() - interval '2 days',"
    " 'process:sabotage', '{{}}', now())",
    "delete from erasure_erasure where subject_id = '{new}'",
)
