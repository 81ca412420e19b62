-- Which environment this database belongs to: one row, written by the first migrate and never changed. A service of another
-- environment refuses to start on it, and `theseller migrate` to touch it: staging can't read production by a wrong address.
create table guard.deployment (
    only_row     boolean primary key default true check (only_row),
    environment  text not null check (environment ~ '^[a-z][a-z0-9-]{0,31}$'),
    set_at       timestamptz not null
);
revoke all on guard.deployment from public;
