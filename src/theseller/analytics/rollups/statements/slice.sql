-- The (store, day) pairs to compute, with the instants of their two midnights and the store's currency. First after `with`.
slice as (
    select * from unnest(
        %(stores)s::text[], %(days)s::date[], %(midnights)s::timestamptz[], %(next_midnights)s::timestamptz[], %(currencies)s::text[],
        %(tax_included)s::boolean[]
    ) as s (marketplace_id, local_day, day_from, day_until, currency, tax_included)
)
