-- Totals by product are split into 32 parts instead of four: an erasure writes a shop's part anew, and keeps the others in it waiting while it
-- does. Measured: 1.7 seconds for half a million rows; with 32 parts that is reached at 17 million rows instead of two, and reading one shop's
-- days costs the same (0.2 ms). The rows are set aside and put back; the owner reads and writes them all for this moment.
alter table analytics_day_product no force row level security;
alter table analytics_day_product disable trigger user;
create temporary table set_aside on commit drop as select * from analytics_day_product;
do $$
declare
    part int;
begin
    for part in 0..3 loop
        execute format('drop table public.analytics_day_product_t%s', part);
    end loop;
    for part in 0..31 loop
        execute format(
            'create table public.analytics_day_product_t%s partition of public.analytics_day_product for values with (modulus 32, remainder %s)',
            part, part);
        perform guard.protect(('public.analytics_day_product_t' || part)::regclass);
    end loop;
end
$$;
insert into analytics_day_product select * from set_aside;
drop table set_aside;
alter table analytics_day_product enable trigger user;
alter table analytics_day_product force row level security;
