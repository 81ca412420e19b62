-- No statistics of the values of row-secured tables. The planner's estimates are over all tenants' rows and EXPLAIN shows them to everyone:
-- `tenant_id = '<another>'` told how many rows that tenant has, and ranges of a text column its values letter by letter. What is left is
-- the number of rows and pages of each table and partition (pg_class).
create function guard.keep_no_statistics(target regclass) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    columns text;
begin
    select string_agg(format('alter column %I set statistics 0', a.attname), ', ') into columns
    from pg_attribute a
    where a.attrelid = target and a.attnum > 0 and not a.attisdropped and a.attstattarget is distinct from 0;
    if columns is not null then
        execute format('alter table %s %s', target, columns);
    end if;
end
$$;
revoke all on function guard.keep_no_statistics(regclass) from public;

create or replace function guard.protect(target regclass, tenant_column text default 'tenant_id') returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    by_ticket text := format('%I = any (array[(select guard.ticket_tenant())])', tenant_column);
    each_row  text := format('case when %I = (select guard.ticket_tenant()) then true else false end', tenant_column);
begin
    execute format('alter table %s enable row level security', target);
    execute format('alter table %s force row level security', target);
    execute format('drop policy if exists tenant on %s', target);
    execute format('drop policy if exists ticket on %s', target);
    execute format('create policy tenant on %s using (%s) with check (%s)', target, by_ticket, by_ticket);
    execute format('create policy ticket on %s as restrictive using (%s) with check (%s)', target, each_row, each_row);
    perform guard.keep_no_statistics(target);
end
$$;
revoke all on function guard.protect(regclass, text) from public;
