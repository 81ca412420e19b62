-- When Amazon's answers first confirmed the seller id of a connection. Authorizing again leaves it: the data that was read under the
-- confirmed id is that seller's, whatever the next answers say.
alter table connections_connection add column seller_confirmed_at timestamptz;
-- The owner writes all rows for this moment: row security is forced again in the same transaction.
alter table connections_connection no force row level security;
update connections_connection set seller_confirmed_at = seller_checked_at where seller_check = 'confirmed';
alter table connections_connection force row level security;
create function guard.note_confirmed_seller() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        new.seller_confirmed_at := null;
    elsif new.selling_partner_id is distinct from old.selling_partner_id then
        new.seller_confirmed_at := null;
    else
        new.seller_confirmed_at := old.seller_confirmed_at;
    end if;
    if new.seller_check = 'confirmed' and new.seller_confirmed_at is null then
        new.seller_confirmed_at := new.seller_checked_at;
    end if;
    return new;
end
$$;
revoke all on function guard.note_confirmed_seller() from public;
create trigger confirmed_seller before insert or update on connections_connection
    for each row execute function guard.note_confirmed_seller();
