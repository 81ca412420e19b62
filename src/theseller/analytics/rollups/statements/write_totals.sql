-- After `recompute.sql` or `recompute_orders.sql`: writes the totals of the days `sure`. Rows that are right are not written again; others are
-- deleted and inserted. Returns the days asked for that are not sure.
, deleted as (
    delete from analytics_day t using sure s
    where t.tenant_id = %(tenant)s and t.local_day = any (%(days)s::date[])
      and t.marketplace_id = s.marketplace_id and t.local_day = s.local_day
      and (t.local_day, t.marketplace_id, t.currency, t.orders, t.cancelled_orders, t.pending_orders, t.order_items, t.units,
           t.unpriced_units, t.ordered_sales, t.promotions, t.refunds, t.product_sales, t.credits, t.discounts, t.refunded_sales, t.fees,
           t.advertising, t.reimbursements, t.unclassified, t.net_proceeds, t.selling_fees, t.fulfilment_fees, t.storage_fees, t.deferred,
           t.ledger_source, t.posted_orders, t.posted_lines, t.settled_net, t.ordered_tax, t.deferred_sales)
          not in (
          select local_day, marketplace_id, currency, orders, cancelled_orders, pending_orders, order_items, units, unpriced_units,
                 ordered_sales, promotions, refunds, product_sales, credits, discounts, refunded_sales, fees, advertising, reimbursements,
                 unclassified, net_proceeds, selling_fees, fulfilment_fees, storage_fees, deferred, ledger_source, posted_orders,
                 posted_lines, settled_net, ordered_tax, deferred_sales
          from fresh)
    returning t.local_day, t.marketplace_id, t.currency
),
added as (
    insert into analytics_day (
        tenant_id, local_day, marketplace_id, currency, orders, cancelled_orders, pending_orders, order_items, units, unpriced_units,
        ordered_sales, promotions, refunds, product_sales, credits, discounts, refunded_sales, fees, advertising, reimbursements,
        unclassified, net_proceeds, selling_fees, fulfilment_fees, storage_fees, deferred, ledger_source, posted_orders, posted_lines,
        settled_net, ordered_tax, deferred_sales, computed_at)
    select %(tenant)s, local_day, marketplace_id, currency, orders, cancelled_orders, pending_orders, order_items, units, unpriced_units,
           ordered_sales, promotions, refunds, product_sales, credits, discounts, refunded_sales, fees, advertising, reimbursements, unclassified,
           net_proceeds, selling_fees, fulfilment_fees, storage_fees, deferred, ledger_source, posted_orders, posted_lines, settled_net,
           ordered_tax, deferred_sales, %(at)s
    from fresh join sure using (marketplace_id, local_day)
    where (local_day, marketplace_id, currency) in (select local_day, marketplace_id, currency from deleted)
       or (local_day, marketplace_id, currency) not in (
           select t.local_day, t.marketplace_id, t.currency from analytics_day t
           where t.tenant_id = %(tenant)s and t.local_day = any (%(days)s::date[]))
),
deleted_product as (
    delete from analytics_day_product t using sure s
    where t.tenant_id = %(tenant)s and t.local_day = any (%(days)s::date[])
      and t.marketplace_id = s.marketplace_id and t.local_day = s.local_day
      and (t.local_day, t.marketplace_id, t.currency, t.sku, t.asin, t.orders, t.units, t.ordered_sales, t.promotions, t.refunds,
           t.refunded_sales, t.fees, t.net_proceeds, t.product_sales, t.posted_orders, t.posted_lines, coalesce(t.posted_units, -1))
          not in (
          select local_day, marketplace_id, currency, sku, asin, orders, units, ordered_sales, promotions, refunds, refunded_sales, fees,
                 net_proceeds, product_sales, posted_orders, posted_lines, coalesce(posted_units, -1)
          from fresh_product)
    returning t.local_day, t.marketplace_id, t.currency, t.sku
),
added_product as (
    insert into analytics_day_product (
        tenant_id, local_day, marketplace_id, currency, sku, asin, orders, units, ordered_sales, promotions, refunds, refunded_sales, fees,
        net_proceeds, product_sales, posted_orders, posted_lines, posted_units)
    select %(tenant)s, local_day, marketplace_id, currency, sku, asin, orders, units, ordered_sales, promotions, refunds, refunded_sales,
           fees, net_proceeds, product_sales, posted_orders, posted_lines, posted_units
    from fresh_product join sure using (marketplace_id, local_day)
    where (local_day, marketplace_id, currency, sku) in (select local_day, marketplace_id, currency, sku from deleted_product)
       or (local_day, marketplace_id, currency, sku) not in (
           select t.local_day, t.marketplace_id, t.currency, t.sku from analytics_day_product t
           where t.tenant_id = %(tenant)s and t.local_day = any (%(days)s::date[]))
)
select marketplace_id, local_day from slice except select marketplace_id, local_day from sure
