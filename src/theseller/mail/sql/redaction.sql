-- The redaction of `undelivered.sql`, written once. Both lists return what they returned.

-- A server's reply or a reason without links, addresses, the local part of the recipient's address and long random words: a server may
-- repeat parts of the message.
create or replace function guard.without_addresses(said text, recipient text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select regexp_replace(regexp_replace(regexp_replace(regexp_replace(said,
               '\S+://\S*', '[link]', 'g'), '[^\s<>]+@([a-z0-9.-]+)', '…@\1', 'gi'), n.local, '…', 'gi'), '[\w-]{32,}', '…', 'g')
    from (
        select '(?<![a-z0-9])' || regexp_replace(coalesce(substring(recipient from '^(.*)@'), recipient), '([^a-z0-9])', '\\\1', 'g')
               || '(?![a-z0-9])' as local
    ) n
$$;
revoke all on function guard.without_addresses(text, text) from public;

-- An address by its first letter and its domain.
create or replace function guard.shortened_address(address text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$ select left(address, 1) || '…@' || coalesce(substring(address from '@([^@]*)$'), '') $$;
revoke all on function guard.shortened_address(text) from public;

create or replace function guard.undelivered_mail(most integer)
    returns table (id uuid, kind text, recipient text, state text, queued_at timestamptz, deliver_until timestamptz, next_attempt_at timestamptz,
                   finished_at timestamptz, attempts integer, outcome text, code integer, reply text, reason text, address_refused boolean,
                   text_stored boolean)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select m.id, m.kind, guard.shortened_address(m.recipient), m.state, m.queued_at, m.deliver_until, m.next_attempt_at, m.finished_at,
           m.attempts, coalesce(a.outcome, ''), a.code,
           guard.without_addresses(coalesce(a.reply, ''), m.recipient), guard.without_addresses(m.reason, m.recipient),
           exists (select from public.mail_refused_address r where r.address = m.recipient),
           exists (select from public.mail_unsent_text t where t.message_id = m.id)
    from public.mail_message m
         left join public.mail_attempt a on a.message_id = m.id and a.number = m.attempts
    where m.state in ('failed', 'refused', 'unknown') or (m.state = 'queued' and m.attempts > 0)
    order by coalesce(m.finished_at, m.next_attempt_at) desc, m.id desc
    limit most
$$;
revoke all on function guard.undelivered_mail(integer) from public;

-- The addresses that get no mail, without their local parts.
create or replace function guard.refused_mail_addresses(most integer) returns table (address text, refused_at timestamptz, reason text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select guard.shortened_address(r.address), r.refused_at, guard.without_addresses(r.reason, r.address)
    from public.mail_refused_address r
    order by r.refused_at desc, r.id
    limit most
$$;
revoke all on function guard.refused_mail_addresses(integer) from public;
