-- +goose Up
alter table conversations
    add column parent_id      uuid,   -- of a fork; no reference, since it may be deleted
    add column parent_version bigint,
    add column fence          bigint not null default 0; -- the highest fencing number that has changed it

-- A row of messages is the newest state of a message, from its version until it is hidden.
alter table messages
    add column added  bigint, -- the version that added it
    add column hidden bigint; -- the version that hid it; null: it is to be seen
update messages m set added = coalesce((select q.version from messages q
    where q.conversation_id = m.conversation_id and q.seq = m.seq - 1 and q.role = 'user' and m.role = 'assistant'), m.version);
alter table messages alter column added set not null;

-- States of messages that others have taken the place of, each from a version until another.
create table message_pasts (
    message_id    uuid not null references messages on delete cascade,
    since         bigint not null,
    until         bigint not null check (until > since),
    content       text not null,
    status        text not null,
    finish_reason text,
    tokens        integer,
    attempt       integer not null,
    problem       jsonb,
    completed_at  timestamptz,
    primary key (message_id, since)
);

-- Each state that each message has had: those with since <= v and (until is null or until > v) are version v's.
-- That a reply is being written is no state of its own: no version says so.
create view message_states as
select m.conversation_id, m.id, m.seq, m.role, m.metadata, m.created_at, m.version as since, m.hidden as until,
    m.content, (case m.status when 'streaming' then 'pending' else m.status end)::text as status, m.finish_reason, m.tokens, m.attempt, m.problem, m.completed_at
from messages m
union all
select m.conversation_id, m.id, m.seq, m.role, m.metadata, m.created_at, p.since, p.until,
    p.content, p.status, p.finish_reason, p.tokens, p.attempt, p.problem, p.completed_at
from messages m join message_pasts p on p.message_id = m.id
union all -- a reply until it ended first
select m.conversation_id, m.id, m.seq, m.role, m.metadata, m.created_at, m.added,
    coalesce((select min(p.since) from message_pasts p where p.message_id = m.id), m.version), '', 'pending', null, null, 1, null, null
from messages m where m.version > m.added;

-- The head as of every fiftieth version, so that no version takes more than 50 steps to be told.
create table conversation_snapshots (
    conversation_id uuid not null references conversations on delete cascade,
    version         bigint not null,
    state           jsonb not null,
    primary key (conversation_id, version)
);
-- +goose StatementBegin
create function conversation_snapshot() returns trigger language plpgsql as $$
begin
    insert into conversation_snapshots (conversation_id, version, state)
    select c.id, c.version, jsonb_build_object('title', c.title, 'status', c.status, 'tags', c.tags, 'context', c.context,
        'metadata', c.metadata, 'token_limit', c.token_limit, 'tokens_used', c.tokens_used, 'message_count', c.message_count,
        'updated_at', c.updated_at, 'last_activity_at', c.last_activity_at)
    from conversations c where c.id = new.conversation_id and c.version = new.version;
    return null;
end;
$$;
-- +goose StatementEnd
create trigger conversation_versions_snapshot after insert on conversation_versions
    for each row when (new.version % 50 = 0) execute function conversation_snapshot();
-- What a conversation had before its history began is in no version.
insert into conversation_snapshots (conversation_id, version, state)
select c.id, c.version, jsonb_build_object('title', c.title, 'status', c.status, 'tags', c.tags, 'context', c.context,
    'metadata', c.metadata, 'token_limit', c.token_limit, 'tokens_used', c.tokens_used, 'message_count', c.message_count,
    'updated_at', c.updated_at, 'last_activity_at', c.last_activity_at)
from conversations c;

alter table conversation_versions drop constraint conversation_versions_operation_check, add constraint conversation_versions_operation_check
    check (operation in ('create', 'add_message', 'update_context', 'update_status', 'update_metadata', 'complete_reply', 'retry_reply',
        'roll_back', 'fork', 'recover'));

-- +goose Down
alter table conversation_versions drop constraint conversation_versions_operation_check, add constraint conversation_versions_operation_check
    check (operation in ('create', 'add_message', 'update_context', 'update_status', 'update_metadata', 'complete_reply',
        'roll_back', 'fork', 'recover')) not valid;
drop trigger conversation_versions_snapshot on conversation_versions;
drop function conversation_snapshot;
drop table conversation_snapshots;
drop view message_states;
drop table message_pasts;
alter table messages drop column hidden, drop column added;
alter table conversations drop column fence, drop column parent_version, drop column parent_id;
