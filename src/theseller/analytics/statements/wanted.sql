select order_id, day from wanted
