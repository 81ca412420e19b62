-- Two rows that belong to no seller, one for each of two tenant ids that no tenant can have. The control of tenant isolation reads them as
-- each role that serves: with a ticket of the first id it must see one row, and it must reach the other by no statement. Without them it
-- would have nothing to look for on a deployment without sellers. The rows are written with the grants, at each `theseller migrate`.
create table guard.isolation_probe (
    tenant_id  uuid primary key check (tenant_id in ('00000000-0000-7000-8000-00000000000a', '00000000-0000-7000-8000-00000000000b'))
);
select guard.protect('guard.isolation_probe');
