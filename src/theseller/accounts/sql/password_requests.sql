-- Requests for a new password that could not be mailed: an operator makes a link and hands it over. One for each account.
create table accounts_password_request (
    user_id       uuid primary key references accounts_user (id),
    requested_at  timestamptz not null
);

-- Whether an address has an open invitation: mail goes to no one else without an account. It names no tenant.
create function guard.is_invited(address text, present timestamptz) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select exists (select from public.accounts_invitation i where i.email = address and i.expires_at > present)
$$;
revoke all on function guard.is_invited(text, timestamptz) from public;
