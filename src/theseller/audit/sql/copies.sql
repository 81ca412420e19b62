-- What each machine's copy of the checkpoints has had: by this a copy that was removed or cut is told from one that is merely behind.

create table audit_copy (
    id           uuid primary key,  -- of the copy: it is in a file beside it
    last_number  bigint not null check (last_number >= 0),
    noted_at     timestamptz not null
);
