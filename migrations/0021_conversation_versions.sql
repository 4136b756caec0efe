-- +goose Up
-- What is hashed of a version: its canonical JSON (RFC 8785). head holds the members that sort before "parent".
create function conversation_entry(head text, parent bigint) returns bytea language sql immutable parallel safe as
    $$ select convert_to(head || '"parent":' || coalesce(parent::text, 'null') || ',"version":' || (coalesce(parent, 0) + 1)::text || '}', 'UTF8') $$;

-- The history of each conversation, append only: each version's checksum is the SHA-256 of the one before and the
-- version's entry. An entry holds no text, only a salted hash of it, so that it can stay when the texts are erased;
-- so there is no reference to the conversation either.
create table conversation_versions (
    conversation_id uuid not null,
    version         bigint not null check (version > 0),
    parent          bigint, -- null: the first
    operation       text not null check (operation in ('create', 'add_message', 'update_context', 'update_status',
        'update_metadata', 'complete_reply', 'roll_back', 'fork', 'recover')),
    actor_id        uuid, -- null: the service itself
    at              timestamptz not null,
    entry           bytea not null,
    checksum        bytea not null check (length(checksum) = 32),
    primary key (conversation_id, version)
);

-- +goose StatementBegin
create function conversation_versions_are_kept() returns trigger language plpgsql as $$
begin
    raise exception 'conversation_versions is append only: % is refused', lower(tg_op) using errcode = 'restrict_violation';
end;
$$;
-- +goose StatementEnd
create trigger conversation_versions_rows before update or delete on conversation_versions
    for each row execute function conversation_versions_are_kept();
create trigger conversation_versions_whole before truncate on conversation_versions
    for each statement execute function conversation_versions_are_kept();

-- The text of a version, as JSON, and its salt. Both go when the learner is erased: the hash in the entry then says
-- nothing any more.
create table conversation_texts (
    conversation_id uuid not null references conversations on delete cascade,
    version         bigint not null,
    salt            bytea not null,
    body            text not null,
    primary key (conversation_id, version)
);

alter table conversations add column checksum bytea not null default ''; -- of the newest version

-- Conversations from before there were versions begin their history here.
update conversations c set checksum = sha256(conversation_entry(
    '{"actor":null,"at":"' || to_char(c.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') ||
    '","change":{"adopted":true},"conversation_id":"' || c.id || '","operation":"recover",', c.version - 1));
insert into conversation_versions (conversation_id, version, parent, operation, actor_id, at, entry, checksum)
select c.id, c.version, c.version - 1, 'recover', null, c.updated_at, conversation_entry(
    '{"actor":null,"at":"' || to_char(c.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') ||
    '","change":{"adopted":true},"conversation_id":"' || c.id || '","operation":"recover",', c.version - 1), c.checksum
from conversations c;
alter table conversations alter column checksum drop default;

-- +goose Down
alter table conversations drop column checksum;
drop table conversation_texts, conversation_versions;
drop function conversation_versions_are_kept, conversation_entry;
