-- `analytics_day_product_totals` has the same columns and one more.
drop index analytics_day_product_read;
