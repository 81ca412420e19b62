-- What each host found of the controls that every host has to hold. Evidence is derived from the newest of all hosts.

create table controls_host_result (
    host          uuid not null,
    control_id    text not null check (control_id ~ '^[a-z0-9-]{3,60}$'),
    outcome       text not null check (outcome in ('met', 'broken', 'not_applicable', 'unknown')),
    summary       text not null check (length(summary) <= 500),
    code_version  text not null,
    collected_at  timestamptz not null,
    primary key (host, control_id)
);
