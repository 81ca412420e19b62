-- Every right that someone has in this database, one line each, in words that are the same on every version of PostgreSQL from 15.
-- Any role may read the catalogue, so any role may run this. Left out: what an owner may do with its own, PostgreSQL's own objects with
-- the rights they were made with, and the superuser that the cluster was made by with those that the operator declares (setting
-- theseller.admins, names with commas between): they could do everything anyway. Partitions count only where they differ from their table.

with named as (
    select r.*,
           r.oid = 10 or r.rolname::text = any (string_to_array(coalesce(current_setting('theseller.admins', true), ''), ',')) as admin,
           r.rolname like 'theseller\_%' as ours, r.rolname like 'pg\_%' as built_in
    from pg_roles r
), who (oid, name, admin, ours) as (
    select oid, case when admin then '(administrator)' else rolname::text end, admin, ours and not admin from named
    union all select 0, 'public', false, true
), spaces as (
    select n.*, n.nspname in ('public', 'guard', 'pii') as ours,
           n.nspname in ('pg_catalog', 'information_schema', 'pg_toast') or n.nspname like 'pg\_temp\_%' or n.nspname like 'pg\_toast\_temp\_%' as built_in
    from pg_namespace n
), things (class, oid, kind, name, owner, acl, ours, built_in) as (
    select 'pg_namespace'::regclass, s.oid, 'schema', s.nspname::text, s.nspowner, s.nspacl, s.ours, s.built_in from spaces s
    union all
    select 'pg_class'::regclass, c.oid,
           case c.relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'view' when 'f' then 'foreign table' else 'table' end,
           s.nspname || '.' || c.relname, c.relowner, c.relacl, s.ours, s.built_in
    from pg_class c join spaces s on s.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    -- A function of which nothing was said may be called by everybody.
    select 'pg_proc'::regclass, p.oid, 'function',
           s.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', p.proowner,
           case when s.built_in then p.proacl else coalesce(p.proacl, acldefault('f', p.proowner)) end, s.ours, s.built_in
    from pg_proc p join spaces s on s.oid = p.pronamespace
    union all
    select 'pg_type'::regclass, t.oid, 'type', s.nspname || '.' || t.typname, t.typowner, t.typacl, s.ours, s.built_in
    from pg_type t join spaces s on s.oid = t.typnamespace
    union all
    select 'pg_database'::regclass, d.oid, 'database', '(this one)', d.datdba, coalesce(d.datacl, acldefault('d', d.datdba)), true, false
    from pg_database d where d.datname = current_database()
    union all
    select 'pg_tablespace'::regclass, t.oid, 'tablespace', t.spcname::text, t.spcowner, t.spcacl, false, false from pg_tablespace t
    union all
    select 'pg_language'::regclass, l.oid, 'language', l.lanname::text, l.lanowner, l.lanacl, false, false from pg_language l
    union all
    select 'pg_foreign_data_wrapper'::regclass, f.oid, 'foreign-data wrapper', f.fdwname::text, f.fdwowner, f.fdwacl, false, false
    from pg_foreign_data_wrapper f
    union all
    select 'pg_foreign_server'::regclass, f.oid, 'foreign server', f.srvname::text, f.srvowner, f.srvacl, false, false from pg_foreign_server f
    union all
    select 'pg_largeobject_metadata'::regclass, l.oid, 'large object', l.oid::text, l.lomowner, l.lomacl, false, false
    from pg_largeobject_metadata l
    union all
    select 'pg_parameter_acl'::regclass, p.oid, 'server setting', p.parname, 10, p.paracl, false, false from pg_parameter_acl p
), columns as (
    select t.*, a.attnum, a.attname, a.attacl
    from things t join pg_attribute a on a.attrelid = t.oid and t.class = 'pg_class'::regclass
    where a.attacl is not null and not a.attisdropped
), given (kind, name, col, class, oid, number, owner, acl, ours, built_in) as (
    select kind, name, '', class, oid, 0, owner, acl, ours, built_in from things
    union all select kind, name, '(' || attname || ')', class, oid, attnum::int, owner, attacl, ours, built_in from columns
), exploded as (
    select g.*, x.grantee, x.privilege_type, x.is_grantable
    from given g, lateral aclexplode(g.acl) x
    where x.grantee <> g.owner
      -- What PostgreSQL, or an extension, gave when it made the thing.
      and not exists (select from pg_init_privs i, lateral aclexplode(i.initprivs) o
                      where i.classoid = g.class and i.objoid = g.oid and i.objsubid = g.number
                        and o.grantee = x.grantee and o.privilege_type = x.privilege_type and o.is_grantable >= x.is_grantable
                        and not g.ours)
      and not (g.class = 'pg_proc'::regclass and not g.ours and x.grantee = 0
               and exists (select from pg_depend d where d.classid = g.class and d.objid = g.oid and d.deptype = 'e'))
      -- These views show everybody what concerns them; PostgreSQL ships them so, and keeps no record of it.
      and not (x.grantee = 0 and x.privilege_type in ('SELECT', 'USAGE') and (g.name = 'information_schema' or g.name like 'information_schema.%'))
), whole (class, oid, grantee) as (
    -- Every column of a table, and the position of its rows, but not the table itself: what the roles that serve have in place of the table
    -- where no superuser prepared the database (grants.sql). One line says so.
    select e.class, e.oid, e.grantee from exploded e
    where e.class = 'pg_class'::regclass and e.number <> 0 and e.privilege_type = 'SELECT' and not e.is_grantable
    group by 1, 2, 3
    having min(e.number) = -1
       and count(distinct e.number) = 1 + (select count(*) from pg_attribute a where a.attrelid = e.oid and a.attnum > 0 and not a.attisdropped)
), lines (line) as (
    -- Rights on things: of anybody on ours, of ours and of everybody on anything.
    select w.name || ' may ' || lower(e.privilege_type) || e.col || ' on ' || e.kind || ' ' || e.name
           || case when e.is_grantable then ', and pass it on' else '' end
    from exploded e join who w on w.oid = e.grantee
    where not w.admin and (e.ours or w.ours)
      and not (e.number <> 0 and e.privilege_type = 'SELECT' and not e.is_grantable
               and exists (select from whole h where h.class = e.class and h.oid = e.oid and h.grantee = e.grantee))
    union all
    select w.name || ' may select(every column) on ' || t.kind || ' ' || t.name
    from whole h join things t on t.class = h.class and t.oid = h.oid join who w on w.oid = h.grantee
    where not w.admin and (t.ours or w.ours)
    union all
    -- Owners, and functions that act with their owner's rights.
    select t.kind || ' ' || t.name || ' belongs to ' || w.name
           || coalesce((select ', and acts with its rights' from pg_proc p where t.class = 'pg_proc'::regclass and p.oid = t.oid and p.prosecdef), '')
    from things t join who w on w.oid = t.owner
    where (t.ours or w.ours) and t.class <> 'pg_type'::regclass
      -- A sequence that belongs to a column has its table's owner.
      and not (t.kind = 'sequence' and exists (select from pg_depend d where d.objid = t.oid and d.classid = t.class and d.deptype in ('a', 'i')))
      and not exists (select from pg_inherits i join pg_class p on p.oid = i.inhparent join pg_class c on c.oid = i.inhrelid
                      where t.class = 'pg_class'::regclass and i.inhrelid = t.oid and c.relispartition and p.relowner = t.owner)
    union all
    -- Rights that things made later will have.
    select w.name || ' will be allowed to ' || lower(x.privilege_type) || ' on every new '
           || case d.defaclobjtype when 'r' then 'table' when 'S' then 'sequence' when 'f' then 'function' when 'T' then 'type' when 'n' then 'schema'
              else d.defaclobjtype::text end
           || ' of ' || o.name || case when s.nspname is null then '' else ' in schema ' || s.nspname end
           || case when x.is_grantable then ', and pass it on' else '' end
    from pg_default_acl d join who o on o.oid = d.defaclrole left join pg_namespace s on s.oid = d.defaclnamespace,
         lateral aclexplode(d.defaclacl) x join who w on w.oid = x.grantee
    where (o.ours or w.ours) and x.grantee <> d.defaclrole
    union all
    -- Roles: ours with all they are; others if they may sign in or have a special right.
    select 'role ' || n.rolname || ': ' || coalesce(nullif(concat_ws(', ',
               case when n.rolcanlogin then 'may sign in' end, case when n.rolsuper then 'superuser' end,
               case when n.rolcreatedb then 'makes databases' end, case when n.rolcreaterole then 'makes roles' end,
               case when n.rolreplication then 'replicates' end, case when n.rolbypassrls then 'row security does not bind it' end,
               case when n.rolinherit then 'has the rights of the roles it is in' end,
               case when n.rolconnlimit >= 0 then 'at most ' || n.rolconnlimit || ' connections' end,
               case when n.rolvaliduntil is not null then 'its password ends on a day' end), ''), 'nothing')
    from named n
    where not n.admin and not n.built_in
      and (n.ours or n.rolcanlogin or n.rolsuper or n.rolcreatedb or n.rolcreaterole or n.rolreplication or n.rolbypassrls)
    union all
    select 'role ' || m.rolname || ' may become ' || g.rolname || case when a.admin_option then ', and let others' else '' end
           || case when coalesce((to_jsonb(a) ->> 'inherit_option')::boolean, m.rolinherit) then ', and has its rights at once' else '' end
    from pg_auth_members a join named m on m.oid = a.member join named g on g.oid = a.roleid
    where not m.admin and not (m.built_in and g.built_in)
    union all
    -- Lines of the audit log, by the trigger's own table.
    select w.role || ' may write the line ' || w.tag from guard.audit_writer w
    union all
    -- Settings that a role begins with, here or in every database.
    select coalesce('role ' || n.rolname, 'everybody') || ' begins with ' || setting
    from pg_db_role_setting s left join named n on n.oid = s.setrole, lateral unnest(s.setconfig) setting
    where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
      and (s.setrole = 0 or n.ours)
)
select line from lines order by line collate "C"
