-- The audit log: append-only. No foreign key to the tenant, because evidence outlives it; no personal data, for the same reason.

create table audit_event (
    position    bigint generated always as identity primary key,
    id          uuid not null unique,
    at          timestamptz not null,
    tag         text not null check (tag ~ '^[a-z_]+:[a-z_]+:[a-z_]+$'),
    actor       text not null check (actor ~ '^(user|process|amazon|operator):[A-Za-z0-9_-]{1,64}$'),
    tenant_id   uuid,
    subject     text not null check (length(subject) between 1 and 200),
    details     jsonb not null default '{}' check (pg_column_size(details) < 8192)
);
create index audit_event_tenant on audit_event (tenant_id, position);

create function guard.refuse_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise insufficient_privilege using message = format('%I is append-only', tg_table_name);
end
$$;
create trigger append_only before update or delete on audit_event for each row execute function guard.refuse_change();
create trigger append_only_whole before truncate on audit_event for each statement execute function guard.refuse_change();
