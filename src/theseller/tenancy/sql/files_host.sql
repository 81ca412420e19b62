-- Which state folder has the secrets and keys of this deployment, where they are in files and the server is an external one: files belong to
-- one host. A copy of the folder on another host would miss the keys that are made on this one, so processes refuse to start there.
alter table guard.deployment
    add column files_of text check (files_of ~ '^[0-9a-f]{64}$'),
    add column files_since timestamptz,
    add constraint files_of_has_its_moment check ((files_of is null) = (files_since is null));
