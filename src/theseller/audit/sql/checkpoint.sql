-- Tamper-evidence: checkpoints over the audit log. Each names every line that it covers, with its digest, and the checkpoint before it, and
-- is signed; a copy of each lies outside the database (decision 0010, docs/operate/access.md).

-- Positions commit out of order: a transaction may hold a low one and end late. So a checkpoint covers lines by the number of their
-- transaction: what has a number below the oldest transaction that is open is complete for ever, and nothing can be added to it.
-- The database gives number and position by itself; who inserts has no say in either.
create sequence guard.audit_position as bigint;
select setval('guard.audit_position', coalesce((select max(position) from audit_event), 0) + 1, false);
alter table audit_event alter column position drop identity;
alter table audit_event add column txid bigint not null default pg_current_xact_id()::text::bigint;
alter table audit_event alter column txid drop default;
create index audit_event_sealing on audit_event (txid, position);

create function guard.number_event() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    new.txid := pg_current_xact_id()::text::bigint;
    new.position := nextval('guard.audit_position');
    return new;
end
$$;
create trigger numbered before insert on audit_event for each row execute function guard.number_event();

create table audit_checkpoint (
    number    bigint primary key check (number > 0),
    document  bytea not null check (octet_length(document) between 1 and 16384),  -- what is signed, in its one canonical form
    leaves    bytea not null check (octet_length(leaves) % 40 = 0)  -- for each line: its position in 8 bytes, its SHA-256 in 32
);
create trigger append_only before update or delete on audit_checkpoint for each row execute function guard.refuse_change();
create trigger append_only_whole before truncate on audit_checkpoint for each statement execute function guard.refuse_change();
