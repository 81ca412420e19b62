-- Which release migrated this database last, and the oldest release whose programs may run on it. Programs of a release between the two
-- run on tables that they don't know (docs/develop/migrations.md).
alter table guard.deployment
    add column schema_release integer check (schema_release > 0),
    add column oldest_release integer check (oldest_release > 0),
    add constraint oldest_release_is_no_later check (oldest_release <= schema_release),
    add constraint releases_are_stated_together check ((schema_release is null) = (oldest_release is null));
