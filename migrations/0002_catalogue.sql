-- +goose Up
-- Texts are objects by BCP 47 tag; "en" is always there.
create table languages (
    id          text primary key,
    position    integer not null,
    code        text not null,
    available   boolean not null,
    native_name text not null,
    name        jsonb not null
);

create table industries (
    id          text primary key,
    position    integer not null,
    name        jsonb not null,
    description jsonb not null
);

create table partners (
    id          text primary key,
    position    integer not null,
    relation    text not null check (relation in ('internal', 'external')),
    name        jsonb not null,
    description jsonb not null,
    persona     text not null,
    greeting    text not null
);

create table situations (
    id          text primary key,
    position    integer not null,
    name        jsonb not null,
    description jsonb not null,
    brief       text not null,
    opening     text not null
);

-- +goose Down
drop table situations, partners, industries, languages;
