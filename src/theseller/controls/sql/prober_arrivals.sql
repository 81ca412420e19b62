-- Marked requests of probers that reached the application: what the edge refuses leaves no row.

create table controls_prober_arrival (
    run_id      uuid not null references controls_prober_run (id) on delete cascade,
    number      integer not null check (number >= 0 and number < 1000),
    arrived_at  timestamptz not null,
    primary key (run_id, number)
);
