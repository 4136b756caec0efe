-- By roles_pkey. One that is not published is there for its author alone.
-- name: RoleForUser :one
select * from roles where id = @id and (published_at is not null or author_id = @user_id::uuid);

-- In no order, by roles_pkey.
-- name: RolesByID :many
select * from roles where id = any(@ids::uuid[]);

-- By roles_pkey, locked.
-- name: RoleForUpdate :one
select * from roles where id = @id for update;

-- By industry, level and title: one walk along roles_listed for everybody's, one for the learner's own.
-- name: RolesListed :many
with listed as (
    (select a.* from roles a
     where a.audience = '00000000-0000-0000-0000-000000000000'
       and (sqlc.narg(industry_id)::text is null or a.industry_id = sqlc.narg(industry_id))
       and (sqlc.narg(level)::text is null or a.level = sqlc.narg(level))
       and (a.industry_id, a.rank, a.sort_title, a.id) > (@after_industry::text, @after_rank::integer, @after_title::text, @after_id::uuid)
     order by a.industry_id, a.rank, a.sort_title, a.id limit @max_rows)
    union all
    (select b.* from roles b
     where b.audience = @user_id::uuid and b.author_id = @user_id::uuid
       and (sqlc.narg(industry_id)::text is null or b.industry_id = sqlc.narg(industry_id))
       and (sqlc.narg(level)::text is null or b.level = sqlc.narg(level))
       and (b.industry_id, b.rank, b.sort_title, b.id) > (@after_industry::text, @after_rank::integer, @after_title::text, @after_id::uuid)
     order by b.industry_id, b.rank, b.sort_title, b.id limit @max_rows)
)
select r.* from listed l join roles r on r.id = l.id
order by r.industry_id, r.rank, r.sort_title, r.id
limit @max_rows;

-- The roles in which each asked word is found, those where it weighs most first. A word is a range of terms: itself,
-- or all that begin with it. By role_terms_pkey.
-- name: RolesFound :many
with asked as (
    select unnest(@words::integer[]) as word, unnest(@froms::text[]) as term_from, unnest(@tos::text[]) as term_to
), met as (
    select a.word, t.role_id, max(t.weight) as weight
    from asked a
    join role_terms t on t.industry_id = any(@industry_ids::text[]) and t.audience = any(@audiences::uuid[])
        and t.term >= a.term_from and t.term <= a.term_to
    group by a.word, t.role_id
), ranked as (
    select m.role_id, sum(m.weight)::real as weight from met m group by m.role_id having count(*) = @asked::integer
)
select r.id, k.weight
from ranked k join roles r on r.id = k.role_id
where (sqlc.narg(level)::text is null or r.level = sqlc.narg(level))
  and (k.weight < @below_weight::real or (k.weight = @below_weight::real and k.role_id > @after_id::uuid))
order by k.weight desc, k.role_id
limit @max_rows;

-- The newest first, by roles_unpublished.
-- name: RolesUnpublished :many
select * from roles
where published_at is null and author_id is not null
  and (created_at, id) < (@before_at::timestamptz, @before_id::uuid)
order by created_at desc, id desc
limit @max_rows;

-- In no order, by roles_by_author.
-- name: RolesByAuthor :many
select * from roles where author_id = @author_id::uuid order by created_at, id limit @max_rows;

-- name: CountRolesByAuthor :one
select count(*) from roles where author_id = @author_id::uuid;

-- name: InsertRole :exec
insert into roles (id, industry_id, level, title, description, keywords, aliases, text_hash, author_id, given, created_at, updated_at)
values (@id, @industry_id, @level, @title, @description, @keywords, @aliases, @text_hash, @author_id, @given, @at, @at);

-- Brings the roles of the seed up to date, all in one; gives the ids of those that were new or other than they are now.
-- name: UpsertRoles :many
insert into roles as r (id, key, industry_id, level, title, description, keywords, aliases, text_hash, published_at, created_at, updated_at)
select s.id, s.key, s.industry_id, s.level, s.title, s.description, s.keywords, s.aliases, decode(s.text_hash, 'base64'), @at, @at, @at
from jsonb_to_recordset(@roles::jsonb) as s(id uuid, key text, industry_id text, level text, title jsonb, description jsonb,
    keywords jsonb, aliases jsonb, text_hash text)
on conflict (key) do update set industry_id = excluded.industry_id, level = excluded.level, title = excluded.title,
    description = excluded.description, keywords = excluded.keywords, aliases = excluded.aliases,
    text_hash = excluded.text_hash, updated_at = excluded.updated_at
where (r.industry_id, r.level, r.title, r.description, r.keywords, r.aliases, r.text_hash)
    is distinct from (excluded.industry_id, excluded.level, excluded.title, excluded.description, excluded.keywords, excluded.aliases, excluded.text_hash)
returning r.id;

-- By roles_pkey.
-- name: PublishRole :exec
update roles set published_at = @at, updated_at = @at where id = @id;

-- By role_terms_by_role.
-- name: DeleteRoleTerms :exec
delete from role_terms where role_id = any(@role_ids::uuid[]);

-- name: InsertRoleTerms :exec
insert into role_terms (industry_id, audience, term, role_id, weight)
select r.industry_id, r.audience, t.term, t.role_id, t.weight
from (select unnest(@role_ids::uuid[]) as role_id, unnest(@terms::text[]) as term, unnest(@weights::real[]) as weight) t
join roles r on r.id = t.role_id;

-- Counts the words of industries anew, by role_terms_pkey.
-- name: DeleteVocabulary :exec
delete from role_vocabulary where industry_id = any(@industry_ids::text[]);

-- name: InsertVocabulary :exec
insert into role_vocabulary (industry_id, term, roles)
select t.industry_id, t.term, count(*) from role_terms t
where t.industry_id = any(@industry_ids::text[]) and t.audience = '00000000-0000-0000-0000-000000000000'
group by t.industry_id, t.term;

-- Counts one more role, by role_vocabulary_pkey.
-- name: AddToVocabulary :exec
insert into role_vocabulary as v (industry_id, term, roles)
select t.industry_id, t.term, 1 from role_terms t where t.role_id = @role_id
on conflict (industry_id, term) do update set roles = v.roles + 1;

-- In how many roles of an industry each asked word occurs; one that may be misspelt is taken for the nearest by
-- trigrams that does, among those with the same first letter. By role_vocabulary_pkey.
-- name: Vocabulary :many
select a.term::text as asked, v.term, v.roles, 1::real as likeness
from (select unnest(@terms::text[]) as term) a
join role_vocabulary v on v.industry_id = @industry_id and v.term = a.term
union all
select f.term::text, n.term, n.roles, n.likeness
from (select unnest(@unsure::text[]) as term) f
cross join lateral (
    select w.term, w.roles, similarity(w.term, f.term) as likeness
    from role_vocabulary w
    where w.industry_id = @industry_id and w.term >= left(f.term, 1) and w.term < left(f.term, 1) || '~' and w.term % f.term
    order by similarity(w.term, f.term) desc, w.term
    limit 1
) n
where not exists (select from role_vocabulary k where k.industry_id = @industry_id and k.term = f.term);

-- The roles of an industry that share most with the asked words, and what those of @also share. By role_terms_pkey.
-- name: RolesByTerms :many
with found as (
    select t.role_id, sum(t.weight * a.value)::real as weight
    from (select unnest(@terms::text[]) as term, unnest(@values::real[]) as value) a
    join role_terms t on t.industry_id = @industry_id and t.audience = '00000000-0000-0000-0000-000000000000' and t.term = a.term
    group by t.role_id
), best as (
    select b.role_id from found b order by b.weight desc, b.role_id limit @max_rows
)
select r.id, r.updated_at, coalesce(f.weight, 0)::real as weight
from (select role_id from best union select unnest(@also::uuid[])) p
join roles r on r.id = p.role_id and r.published_at is not null
left join found f on f.role_id = p.role_id
order by weight desc, r.id;

-- name: ReadCatalogueRevision :one
select revision from catalogue_revision;

-- name: BumpCatalogue :exec
update catalogue_revision set revision = revision + 1;

-- How many roles there are to match, by roles_listed.
-- name: CountRoles :many
select industry_id, count(*) as roles from roles
where audience = '00000000-0000-0000-0000-000000000000' group by industry_id order by industry_id;

-- name: ActiveRoleIndex :one
select * from role_indexes where active;

-- name: RoleIndexByID :one
select * from role_indexes where id = @id;

-- The newest that is not finished of a model.
-- name: UnfinishedRoleIndex :one
select * from role_indexes where activated_at is null and model = @model order by created_at desc limit 1;

-- name: InsertRoleIndex :exec
insert into role_indexes (id, model, created_at) values (@id, @model, @at) on conflict (id) do nothing;

-- name: RetireRoleIndexes :exec
update role_indexes set active = false where active and id <> @id;

-- name: ActivateRoleIndex :exec
update role_indexes set active = true, dimension = @dimension, fit = @fit, activated_at = @at where id = @id;

-- Those that served before, and those that were begun a day ago and never finished.
-- name: DeleteRoleIndexes :exec
delete from role_indexes where not active and (activated_at is not null or created_at < @before::timestamptz);

-- The published roles whose text an index does not hold, in the order of their ids. By roles_listed and
-- role_embeddings_pkey.
-- name: RolesToEmbed :many
select r.* from roles r
where r.audience = '00000000-0000-0000-0000-000000000000'
  and not exists (select from role_embeddings e where e.index_id = @index_id and e.role_id = r.id and e.text_hash = r.text_hash)
order by r.id
limit @max_rows;

-- name: CountRolesToEmbed :one
select count(*) from roles r
where r.audience = '00000000-0000-0000-0000-000000000000'
  and not exists (select from role_embeddings e where e.index_id = @index_id and e.role_id = r.id and e.text_hash = r.text_hash);

-- name: UpsertRoleEmbedding :exec
insert into role_embeddings (index_id, role_id, text_hash, vector) values (@index_id, @role_id, @text_hash, @vector)
on conflict (index_id, role_id) do update set text_hash = excluded.text_hash, vector = excluded.vector;

-- The vectors that serve, page by page in the order of ids. By role_embeddings_pkey.
-- name: RoleVectors :many
select e.role_id, r.industry_id, e.vector
from role_embeddings e join roles r on r.id = e.role_id and r.published_at is not null and r.text_hash = e.text_hash
where e.index_id = @index_id and e.role_id > @after_id
order by e.role_id
limit @max_rows;

-- Erases what a learner wrote: unpublished roles go, published ones lose their author.
-- name: DeleteRolesOfAuthor :execrows
delete from roles where author_id = @author_id::uuid and published_at is null;

-- name: DisownRoles :exec
update roles set author_id = null, given = null where author_id = @author_id::uuid;
