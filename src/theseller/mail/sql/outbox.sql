-- Mail to members, operators and configured authorities: what is queued, each attempt at delivery, and addresses that no longer get any.
-- Of the whole deployment, no tenant's: a person may belong to several.

create table mail_message (
    id               uuid primary key,
    kind             text not null check (kind ~ '^[a-z][a-z_]{0,39}$'),
    recipient        text not null check (recipient ~ '^[!-~]+$' and recipient = lower(recipient) and length(recipient) between 3 and 254),
    -- The account of the recipient. An invited person and an authority have none.
    user_id          uuid references accounts_user (id),
    language         text not null check (language ~ '^[a-z]{2,3}(-[a-z0-9]{2,8})*$'),
    idempotency_key  text not null unique check (idempotency_key ~ '^[A-Za-z0-9:_.-]{1,120}$'),
    message_id       text not null check (message_id ~ '^<[!-;=?-~]+>$'),
    queued_at        timestamptz not null,
    deliver_until    timestamptz not null check (deliver_until > queued_at and deliver_until <= queued_at + interval '48 hours'),
    next_attempt_at  timestamptz not null,
    state            text not null check (state in ('queued', 'sending', 'sent', 'failed', 'refused', 'unknown')),
    attempts         integer not null default 0 check (attempts >= 0),
    finished_at      timestamptz,
    reason           text not null default '' check (length(reason) <= 500),
    -- What the text is made of: sealed where it has a link that acts for its reader. Deleted when the delivery ends.
    context          text,
    sealed           bytea,
    data_key_id      uuid,
    check ((finished_at is null) = (state in ('queued', 'sending'))),
    check ((sealed is null) = (data_key_id is null)),
    check (num_nonnulls(context, sealed) = case when finished_at is null then 1 else 0 end),
    -- Amazon's relay addresses lead to buyers. mail/recipient_policy.py refuses more spellings.
    constraint mail_message_no_relay check (recipient !~ '[@.]marketplace[.]amazon([.]|$)')
);
create index mail_message_due on mail_message (next_attempt_at, id) where state = 'queued';
create index mail_message_finished on mail_message (finished_at) where finished_at is not null;
create index mail_message_person on mail_message (user_id) where user_id is not null;

-- One connection to the mail server for one message, with the server's answer.
create table mail_attempt (
    message_id  uuid not null references mail_message (id) on delete cascade,
    number      integer not null check (number > 0),
    begun_at    timestamptz not null,
    -- From here on the server may have accepted the message, whatever happens.
    data_at     timestamptz,
    ended_at    timestamptz,
    outcome     text check (outcome in ('accepted', 'deferred', 'rejected', 'unreachable', 'unknown')),
    code        integer check (code between 200 and 599),
    reply       text not null default '' check (length(reply) <= 500),
    primary key (message_id, number),
    check ((ended_at is null) = (outcome is null))
);

-- An address that a mail server refused for good, or from which a bounce came: it gets no mail.
create table mail_refused_address (
    address     text primary key check (address ~ '^[!-~]+$' and address = lower(address)),
    id          uuid not null unique,
    user_id     uuid references accounts_user (id),
    refused_at  timestamptz not null,
    reason      text not null check (length(reason) between 1 and 500)
);
create index mail_refused_address_person on mail_refused_address (user_id) where user_id is not null;

-- Mail of a demo, which leaves the machine by no server.
create table mail_inbox (
    message_id  uuid primary key references mail_message (id) on delete cascade,
    content     bytea not null
);

-- Whose address it is. The accounts' own role and the worker ask; a page's role may not, since the answer tells who has an account.
create function guard.mail_recipient(wanted text) returns table (user_id uuid, member boolean, operator boolean, refused boolean)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select u.id,
           exists (select from public.accounts_membership m where m.user_id = u.id),
           exists (select from public.accounts_operator o where o.user_id = u.id),
           exists (select from public.mail_refused_address r where r.address = wanted)
    from (select wanted as address) a left join public.accounts_user u on u.email = a.address
$$;
revoke all on function guard.mail_recipient(text) from public;

-- The addresses of operators, for alerts.
create function guard.operator_addresses() returns table (address text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select u.email::text from public.accounts_user u join public.accounts_operator o on o.user_id = u.id order by 1
$$;
revoke all on function guard.operator_addresses() from public;
