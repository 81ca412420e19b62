-- What operators see of mail that was not delivered, and how they send it again. No address, link or text leaves these functions: the
-- pages of operators run as a role that can read neither the messages nor these texts.

-- The text of a message whose delivery failed, where no link in it acts for its reader, so that it can be sent again.
create table mail_unsent_text (
    message_id  uuid primary key references mail_message (id) on delete cascade,
    context     text not null
);

-- Addresses, links and long random words are left out of the servers' replies: a server may repeat parts of the message.
create function guard.undelivered_mail(most integer)
    returns table (id uuid, kind text, recipient text, state text, queued_at timestamptz, deliver_until timestamptz, next_attempt_at timestamptz,
                   finished_at timestamptz, attempts integer, outcome text, code integer, reply text, reason text, address_refused boolean,
                   text_stored boolean)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select m.id, m.kind, left(m.recipient, 1) || '…@' || n.domain, m.state, m.queued_at, m.deliver_until, m.next_attempt_at, m.finished_at,
           m.attempts, coalesce(a.outcome, ''), a.code,
           regexp_replace(regexp_replace(regexp_replace(regexp_replace(coalesce(a.reply, ''),
               '\S+://\S*', '[link]', 'g'), '[^\s<>]+@([a-z0-9.-]+)', '…@\1', 'gi'), n.local, '…', 'gi'), '[\w-]{32,}', '…', 'g'),
           regexp_replace(regexp_replace(regexp_replace(regexp_replace(m.reason,
               '\S+://\S*', '[link]', 'g'), '[^\s<>]+@([a-z0-9.-]+)', '…@\1', 'gi'), n.local, '…', 'gi'), '[\w-]{32,}', '…', 'g'),
           exists (select from public.mail_refused_address r where r.address = m.recipient),
           exists (select from public.mail_unsent_text t where t.message_id = m.id)
    from public.mail_message m
         cross join lateral (
             select coalesce(substring(m.recipient from '@([^@]*)$'), '') as domain,
                    '(?<![a-z0-9])' || regexp_replace(coalesce(substring(m.recipient from '^(.*)@'), m.recipient), '([^a-z0-9])', '\\\1', 'g')
                        || '(?![a-z0-9])' as local
         ) n
         left join public.mail_attempt a on a.message_id = m.id and a.number = m.attempts
    where m.state in ('failed', 'refused', 'unknown') or (m.state = 'queued' and m.attempts > 0)
    order by coalesce(m.finished_at, m.next_attempt_at) desc, m.id desc
    limit most
$$;
revoke all on function guard.undelivered_mail(integer) from public;

-- The addresses that get no mail, without their local parts.
create function guard.refused_mail_addresses(most integer) returns table (address text, refused_at timestamptz, reason text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select left(r.address, 1) || '…@' || coalesce(substring(r.address from '@([^@]*)$'), ''), r.refused_at,
           regexp_replace(regexp_replace(regexp_replace(regexp_replace(r.reason,
               '\S+://\S*', '[link]', 'g'), '[^\s<>]+@([a-z0-9.-]+)', '…@\1', 'gi'), n.local, '…', 'gi'), '[\w-]{32,}', '…', 'g')
    from public.mail_refused_address r
         cross join lateral (
             select '(?<![a-z0-9])' || regexp_replace(coalesce(substring(r.address from '^(.*)@'), r.address), '([^a-z0-9])', '\\\1', 'g')
                        || '(?![a-z0-9])' as local
         ) n
    order by r.refused_at desc, r.id
    limit most
$$;
revoke all on function guard.refused_mail_addresses(integer) from public;

-- How many messages are tried again after a failed attempt, and how many ended undelivered after an instant.
create function guard.undelivered_mail_counts(since timestamptz) returns table (kind text, state text, number bigint, oldest timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select m.kind, case m.state when 'queued' then 'retrying' else m.state end, count(*), min(m.queued_at)
    from public.mail_message m
    where m.state = 'queued' and m.attempts > 0 or m.state in ('failed', 'refused', 'unknown') and m.finished_at > since
    group by 1, 2
$$;
revoke all on function guard.undelivered_mail_counts(timestamptz) from public;

-- Send a message again: at once if it waits for its next attempt; from its stored text if its delivery failed. One with a link that acts
-- for its reader has no such text, so an expired link is never sent. Nor is one to an address that gets no mail: its text would be lost.
create function guard.send_mail_again(wanted uuid, moment timestamptz) returns boolean
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    with waiting as (
        update public.mail_message set next_attempt_at = moment
        where id = wanted and state = 'queued' and deliver_until >= moment
        returning id
    ), stored as (
        delete from public.mail_unsent_text t using public.mail_message m
        where t.message_id = wanted and m.id = wanted and m.state in ('failed', 'unknown')
            and not exists (select from public.mail_refused_address r where r.address = m.recipient)
        returning t.context
    ), ended as (
        update public.mail_message
        set state = 'queued', context = stored.context, queued_at = moment, deliver_until = moment + (deliver_until - queued_at),
            next_attempt_at = moment, finished_at = null
        from stored
        where id = wanted
        returning id
    )
    select exists (select from waiting) or exists (select from ended)
$$;
revoke all on function guard.send_mail_again(uuid, timestamptz) from public;
