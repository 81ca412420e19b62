-- What monitoring reads: counts, ages and kinds over all tenants. No id, no text of a shop, no person.

-- How many workers live, and how many seconds ago the last one said so. Each writes its row every five seconds; one that stops in
-- order deletes it.
create function guard.worker_heartbeat() returns table (workers bigint, age double precision)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select count(*) filter (where w.last_heartbeat > now() - interval '30 seconds'),
           extract(epoch from now() - max(w.last_heartbeat))::double precision
    from public.procrastinate_workers w
$$;
revoke all on function guard.worker_heartbeat() from public;

-- Queue, streams, rate limiter and documents as rows of a measure with up to two labels.
create function guard.deployment_measurements()
returns table (measure text, label text, other text, value double precision)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    with job as (
        select j.task_name,
               case when j.status = 'doing' then 'running' when j.scheduled_at > now() then 'scheduled' else 'waiting' end as state,
               extract(epoch from now() - greatest(e.at, coalesce(j.scheduled_at, e.at))) as age
        from public.procrastinate_jobs j
        left join lateral (select min(v.at) as at from public.procrastinate_events v where v.job_id = j.id) e on true
        where j.status in ('todo', 'doing')
    ),
    stream as (
        select s.name, s.last_outcome, s.failures_in_row,
               extract(epoch from now() - s.last_success_at) as age,
               s.due_at < now() - interval '15 minutes' and (s.lease_expires_at is null or s.lease_expires_at < now()) as overdue
        from public.ingest_stream s
        where not exists (select from public.connections_disconnection d
                          where d.tenant_id = s.tenant_id and d.connection_id = s.connection_id)
    )
    select 'jobs', task_name, state, count(*) from job group by task_name, state
    union all select 'oldest_waiting_job', '', '', coalesce(max(age), 0) from job where state = 'waiting'
    union all select 'streams', name, last_outcome, count(*) from stream group by name, last_outcome
    union all select 'stream_age', last_outcome, '', max(age) from stream group by last_outcome having max(age) is not null
    union all select 'streams_overdue', '', '', count(*) from stream where overdue
    union all select 'streams_failing', '', '', count(*) from stream where failures_in_row >= 3
    union all select 'rate_limits', x.state, '', count(*)
        from (select case when least(b.burst, b.tokens
                  + greatest(extract(epoch from now() - b.updated_at), 0) * b.rate) < 1 - 1e-6
              then 'exhausted' else 'available' end as state from public.ingest_bucket b) x group by x.state
    union all select 'documents', d.origin, d.report_type, count(*) from public.ingest_document d
        where d.recorded_at > now() - interval '24 hours' group by d.origin, d.report_type
$$;
revoke all on function guard.deployment_measurements() from public;
