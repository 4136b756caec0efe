-- +goose Up
create extension if not exists pg_trgm;

-- Texts are objects by BCP 47 tag; keywords and aliases are lists by it. A role of
-- the seed has a key and English; a custom role has the language of its author.
-- Nobody but its author sees a role before published_at.
create table roles (
    id           uuid primary key,
    key          text unique,
    industry_id  text not null references industries,
    level        text check (level in ('associate', 'supervisor', 'manager', 'director', 'executive')),
    title        jsonb not null,
    description  jsonb not null,
    keywords     jsonb not null,
    aliases      jsonb not null default '{}', -- other names of the job, not shown
    text_hash    bytea not null,              -- of what is embedded
    author_id    uuid references users on delete cascade, -- published roles lose their author before
    given        jsonb,                       -- what the author wrote, word for word
    published_at timestamptz,
    created_at   timestamptz not null,
    updated_at   timestamptz not null,

    -- Who may see it: everybody (all zeros), or its author.
    audience     uuid generated always as
        (case when published_at is null then author_id else '00000000-0000-0000-0000-000000000000' end) stored,
    rank         integer not null generated always as (case level when 'associate' then 1 when 'supervisor' then 2
        when 'manager' then 3 when 'director' then 4 when 'executive' then 5 else 6 end) stored,
    sort_title   text collate "C" not null generated always as
        (left(lower(coalesce(title ->> 'en', title ->> 'zh-Hans', title ->> 'zh-Hant')), 40)) stored
);
create index roles_listed on roles (audience, industry_id, rank, sort_title, id);
create index roles_by_author on roles (author_id) where author_id is not null;
create index roles_unpublished on roles (created_at desc, id desc) where published_at is null;

-- The words of each role, for the lexical ranking. audience is that of the role: who
-- may not see it does not meet its words.
create table role_terms (
    industry_id text not null,
    audience    uuid not null,
    term        text collate "C" not null,
    role_id     uuid not null references roles on delete cascade,
    weight      real not null,
    primary key (industry_id, audience, term, role_id) include (weight)
);
create index role_terms_by_role on role_terms (role_id);

-- In how many published roles of an industry a word occurs: rare words say most.
create table role_vocabulary (
    industry_id text not null,
    term        text collate "C" not null,
    roles       integer not null,
    primary key (industry_id, term) include (roles)
);

-- An index holds the embeddings of one model. The active one serves until the next
-- is whole; fit is how closeness becomes a score with this model.
create table role_indexes (
    id           uuid primary key,
    model        text not null,
    dimension    integer,
    fit          jsonb,
    active       boolean not null default false,
    created_at   timestamptz not null,
    activated_at timestamptz
);
create unique index role_indexes_active on role_indexes (active) where active;

create table role_embeddings (
    index_id  uuid not null references role_indexes on delete cascade,
    role_id   uuid not null references roles on delete cascade,
    text_hash bytea not null,
    vector    bytea not null, -- little-endian float32, of length 1
    primary key (index_id, role_id)
);

-- One row, counted up with each change of what nodes keep in memory.
create table catalogue_revision (
    single   boolean primary key default true check (single),
    revision bigint not null
);
insert into catalogue_revision (revision) values (1);

-- +goose StatementBegin
create function catalogue_changed() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if not exists (select from new_rows) then
            return null;
        end if;
    elsif tg_op = 'UPDATE' then
        if not exists (select * from new_rows except select * from old_rows) then
            return null; -- written again as it was
        end if;
    end if;
    update catalogue_revision set revision = revision + 1;
    return null;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
declare t text;
begin
    foreach t in array array['languages', 'industries', 'partners', 'situations'] loop
        execute format('create trigger %s_inserted after insert on %s referencing new table as new_rows for each statement execute function catalogue_changed()', t, t);
        execute format('create trigger %s_deleted after delete on %s for each statement execute function catalogue_changed()', t, t);
        execute format('create trigger %s_updated after update on %s referencing old table as old_rows new table as new_rows '
            'for each statement execute function catalogue_changed()', t, t);
    end loop;
end $$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
do $$
declare t text;
begin
    foreach t in array array['languages', 'industries', 'partners', 'situations'] loop
        execute format('drop trigger %s_inserted on %s', t, t);
        execute format('drop trigger %s_deleted on %s', t, t);
        execute format('drop trigger %s_updated on %s', t, t);
    end loop;
end $$;
-- +goose StatementEnd
drop function catalogue_changed();
drop table catalogue_revision, role_embeddings, role_indexes, role_vocabulary, role_terms, roles;
drop extension pg_trgm;
