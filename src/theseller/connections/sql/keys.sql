-- Keys that die with a connection, besides its token's: other rooms seal under them. The disconnection destroys each, so that whatever was
-- sealed under one can't be read from that moment on, in the database, in its copies and in its backups.
create table connections_key (
    tenant_id      uuid not null,
    connection_id  uuid not null,
    id             uuid not null,
    purpose        text not null,
    made_at        timestamptz not null,
    primary key (tenant_id, connection_id, id),
    foreign key (tenant_id, connection_id) references connections_connection (tenant_id, id)
);
select guard.protect('connections_key');
