-- In the order to show, as are all of these. Whole tables: they are small.
-- name: Languages :many
select * from languages order by position, id;

-- name: Industries :many
select * from industries order by position, id;

-- name: Partners :many
select * from partners order by position, id;

-- name: Situations :many
select * from situations order by position, id;

-- name: UpsertLanguage :exec
insert into languages (id, position, code, available, native_name, name)
values (@id, @position, @code, @available, @native_name, @name)
on conflict (id) do update set position = excluded.position, code = excluded.code, available = excluded.available,
    native_name = excluded.native_name, name = excluded.name;

-- name: UpsertIndustry :exec
insert into industries (id, position, name, description)
values (@id, @position, @name, @description)
on conflict (id) do update set position = excluded.position, name = excluded.name, description = excluded.description;

-- name: UpsertPartner :exec
insert into partners (id, position, relation, name, description, persona, greeting)
values (@id, @position, @relation, @name, @description, @persona, @greeting)
on conflict (id) do update set position = excluded.position, relation = excluded.relation, name = excluded.name,
    description = excluded.description, persona = excluded.persona, greeting = excluded.greeting;

-- name: UpsertSituation :exec
insert into situations (id, position, name, description, brief, opening)
values (@id, @position, @name, @description, @brief, @opening)
on conflict (id) do update set position = excluded.position, name = excluded.name,
    description = excluded.description, brief = excluded.brief, opening = excluded.opening;
