-- Evidence: what a probe saw, when, by which code. Append-only; there is no column that holds a colour anybody could set.

create table controls_evidence (
    position      bigint generated always as identity primary key,
    id            uuid not null unique,
    control_id    text not null check (control_id ~ '^[a-z0-9-]{3,60}$'),
    outcome       text not null check (outcome in ('met', 'broken', 'not_applicable', 'unknown')),
    checked       bigint not null check (checked >= 0),
    summary       text not null check (length(summary) <= 500),
    observations  jsonb not null default '{}' check (pg_column_size(observations) < 16384),
    code_version  text not null,
    collected_at  timestamptz not null,
    check (outcome <> 'met' or checked > 0)
);
create index controls_evidence_latest on controls_evidence (control_id, position desc);
create trigger append_only before update or delete on controls_evidence for each row execute function guard.refuse_change();
create trigger append_only_whole before truncate on controls_evidence for each statement execute function guard.refuse_change();
