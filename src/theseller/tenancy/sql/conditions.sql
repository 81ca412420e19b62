-- A way past the policies' order of evaluation, before PostgreSQL 17.

-- Before 17 the planner leaves `tenant_id = any (...)` out of an index condition unless the tenant is the first column. The statement's own
-- `tenant_id = '<another>'` then took that place in these five indexes, and EXPLAIN ANALYZE counted the other tenant's entries. Without the
-- tenant in them it counts all tenants' entries together.
do $$
begin
    if current_setting('server_version_num')::int < 170000 then
        drop index accounts_membership_person;
        create index accounts_membership_person on accounts_membership (user_id);
        drop index governance_access_session_operator;
        create index governance_access_session_operator on governance_access_session (operator, opened_at);
        drop index ingest_stream_due;
        create index ingest_stream_due on ingest_stream (due_at);
        drop index pii.recipient_dies_on;
        create index recipient_dies_on on pii.recipient (dies_on);
        drop index vault_request_open;
        create index vault_request_open on vault_request (asked_at) where outcome is null;
    end if;
end
$$;
