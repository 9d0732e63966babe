-- name: lock()
select pg_advisory_xact_lock(hashtextextended('engage.segment_reader', 0));

-- name: role_exists(role)
select 1 from pg_roles where rolname = :role;

-- name: is_superuser()
select rolsuper from pg_roles where rolname = current_user;

-- name: public_schemas(schemas)
select nspname from pg_namespace where nspname = any(:schemas) order by nspname;

-- name: is_ready(role, schemas)
select
    exists (select from pg_roles where rolname = :role)
    and not exists (
        select from pg_class relation
        join pg_namespace of on of.oid = relation.relnamespace
        join pg_roles role on role.rolname = :role
        where of.nspname = any(:schemas) and relation.relkind in ('r', 'v', 'm', 'p')
          and not (has_schema_privilege(role.oid, of.oid, 'usage') and has_table_privilege(role.oid, relation.oid, 'select'))
    );
