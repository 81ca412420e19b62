-- Whether Amazon's own answers name the seller that the browser named when it came back from the consent: null is unconfirmed.
-- 'mismatch' stops every stream of the connection. Authorizing again begins with null.
alter table connections_connection
    add column seller_check text check (seller_check in ('confirmed', 'mismatch')),
    add column seller_checked_at timestamptz,
    add constraint seller_check_has_its_moment check ((seller_check is null) = (seller_checked_at is null));
