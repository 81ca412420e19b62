-- Answers a hash of each key whose tickets are accepted, so that the probe can tell a key that no one installed from the ones that were.
-- A key has 256 bits of chance, so its hash tells nothing of it.
create function guard.ticket_key_hashes() returns setof text
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select encode(sha256(k.inner_block), 'hex') from guard.ticket_key k
$$;
revoke all on function guard.ticket_key_hashes() from public;
