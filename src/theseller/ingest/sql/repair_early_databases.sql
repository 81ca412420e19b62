-- What databases lack that were made before ingest/sql/tables.sql, analytics/sql/tables.sql and governance/sql/access.sql were last edited.
-- Those files had been applied by then, and Django applies a migration once. On any other database nothing here changes anything, so its
-- place among the migrations doesn't matter.
do $$
declare
    reviews  regprocedure := to_regprocedure('guard.access_to_review(integer)');
    planning regprocedure := to_regprocedure('guard.unplanned_connections(timestamptz, integer)');
begin
    if to_regclass('public.ingest_plan') is null then
        create table public.ingest_plan (
            tenant_id      uuid not null,
            connection_id  uuid not null,
            planned_for    timestamptz not null,
            primary key (tenant_id, connection_id),
            foreign key (tenant_id, connection_id) references public.connections_connection (tenant_id, id)
        );
        perform guard.protect('public.ingest_plan');
    end if;

    if planning is not null and pg_get_functiondef(planning) not like '%ingest_plan%' then
        execute replace(
            pg_get_functiondef(planning),
            'and not exists (select from public.ingest_stream s where s.tenant_id = c.tenant_id and s.connection_id = c.id)',
            E'and not exists (select from public.ingest_plan p\n'
            '                      where p.tenant_id = c.tenant_id and p.connection_id = c.id and p.planned_for >= c.authorised_at)'
        );
    end if;

    -- Before the policies that compare each row, bulk writes were proven by triggers; products were given theirs late.
    if to_regproc('guard.prove_scope') is not null
        and exists (select from pg_trigger where tgrelid = 'public.ingest_order_line'::regclass and tgname = 'prove_scope')
        and not exists (select from pg_trigger where tgrelid = 'public.ingest_product'::regclass and tgname = 'prove_scope')
    then
        create trigger prove_scope before insert on public.ingest_product for each statement execute function guard.prove_scope();
    end if;

    -- Not before analytics/sql/tables.sql, which makes it in a new database.
    if to_regclass('public.analytics_day') is not null and to_regproc('guard.mark_settled_days') is null then
        execute $create$
create function guard.mark_settled_days() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $body$
begin
    insert into public.ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at)
    select new.tenant_id, store, day::date, new.recorded_at
    from unnest(new.marketplace_ids) as store,
         generate_series((new.covers_from at time zone 'UTC')::date - 1, (new.covers_until at time zone 'UTC')::date + 1, interval '1 day') as day
    order by 2, 3
    on conflict (tenant_id, marketplace_id, local_day) do update set marked_at = excluded.marked_at;
    return null;
end
$body$
$create$;
        revoke all on function guard.mark_settled_days() from public;
        create trigger mark_settled_days after insert or update on public.ingest_document for each row
            when (new.report_type = 'GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2') execute function guard.mark_settled_days();
    end if;

    if reviews is not null and pg_get_functiondef(reviews) not like '%audit:log:restored%' then
        execute replace(
            pg_get_functiondef(reviews), E'\'accounts:second_factor:removed\', ', E'\'accounts:second_factor:removed\', \'audit:log:restored\', '
        );
    end if;
    if reviews is not null and pg_get_functiondef(reviews) not like '%operations:database:restored%' then
        execute replace(
            pg_get_functiondef(reviews), E'\'operations:database:opened\'])', E'\'operations:database:opened\', \'operations:database:restored\'])'
        );
    end if;
end
$$;
