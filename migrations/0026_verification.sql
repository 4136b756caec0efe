-- +goose Up
-- The transaction that made a version: what was made since a moment is what was not visible then, whatever the clocks
-- say. An increment of a backup and of verification begins at the oldest transaction that was open at the last.
alter table conversation_versions add column xact bigint not null default pg_current_xact_id()::text::bigint;
create index conversation_versions_xact on conversation_versions using brin (xact) with (autosummarize = on, pages_per_range = 16);

-- Append only still, but for a row that is broken, which may be made whole: its checksum is then over its parent's, and its
-- columns say what its bytes say.
-- +goose StatementBegin
create or replace function conversation_versions_are_kept() returns trigger language plpgsql as $$
declare
    before bytea;
    said   jsonb;
begin
    if tg_op = 'UPDATE' then
        select v.checksum into before from conversation_versions v
        where v.conversation_id = old.conversation_id and v.version = old.version - 1;
        said := convert_from(new.entry, 'UTF8')::jsonb;
        if (new.conversation_id, new.version) = (old.conversation_id, old.version)
            and new.checksum = sha256(coalesce(before, '') || new.entry)
            and (old.checksum <> sha256(coalesce(before, '') || old.entry) or (old.entry, old.checksum) = (new.entry, new.checksum))
            and said ->> 'conversation_id' = new.conversation_id::text and (said ->> 'version')::bigint = new.version
            and said ->> 'operation' = new.operation and (said ->> 'parent')::bigint is not distinct from new.parent
            and (said ->> 'actor')::uuid is not distinct from new.actor_id and (said ->> 'at')::timestamptz = new.at then
            return new;
        end if;
    end if;
    raise exception 'conversation_versions is append only: % is refused', lower(tg_op) using errcode = 'restrict_violation';
end;
$$;
-- +goose StatementEnd

-- What verification has found and not found mended since.
create table conversation_findings (
    conversation_id uuid not null references conversations on delete cascade,
    version         bigint not null, -- 0: of none
    rule            text not null,
    subject         text not null,   -- a message, a member of the head, or ''
    expected        text not null,
    found           text not null,
    found_at        timestamptz not null,
    primary key (conversation_id, version, rule, subject, expected)
);

-- How well each conversation is, weighed when it is verified; those with all points are left out of lists.
create table conversation_health (
    conversation_id uuid primary key references conversations on delete cascade,
    score           integer not null,
    reasons         jsonb not null,
    weighed_at      timestamptz not null
);
create index conversation_health_worst on conversation_health (score, conversation_id) where score < 100;
create index conversation_health_weighed on conversation_health (weighed_at);

create index conversations_parent on conversations (parent_id) where parent_id is not null;

-- Each run over what had changed, or over everything, that came to its end.
create table verifications (
    id            uuid primary key,
    whole         boolean not null, -- over everything
    began_at      timestamptz not null,
    ended_at      timestamptz not null,
    horizon       bigint not null,  -- the oldest transaction that was open when it began
    conversations bigint not null,
    versions      bigint not null,
    findings      bigint not null
);
create index verifications_ended on verifications (ended_at desc);

-- +goose Down
drop index conversations_parent;
drop table verifications, conversation_health, conversation_findings;
-- +goose StatementBegin
create or replace function conversation_versions_are_kept() returns trigger language plpgsql as $$
begin
    raise exception 'conversation_versions is append only: % is refused', lower(tg_op) using errcode = 'restrict_violation';
end;
$$;
-- +goose StatementEnd
drop index conversation_versions_xact;
alter table conversation_versions drop column xact;
