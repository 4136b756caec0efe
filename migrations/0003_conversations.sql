-- +goose Up
create table conversations (
    id               uuid primary key,
    user_id          uuid not null references users on delete cascade,
    partner_id       text not null references partners,
    situation_id     text not null references situations,
    title            text not null,
    status           text not null check (status in ('active', 'paused', 'completed', 'archived', 'failed')),
    version          bigint not null,
    tags             text[] not null,
    context          jsonb not null,
    metadata         jsonb not null,
    token_limit      bigint,
    tokens_used      bigint not null default 0,
    message_count    integer not null,
    last_seq         integer not null,
    reply_id         uuid, -- the reply in flight, one at most
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    last_activity_at timestamptz not null
);
create index conversations_user_activity on conversations (user_id, last_activity_at desc, id desc);

create table messages (
    id               uuid primary key,
    conversation_id  uuid not null references conversations on delete cascade,
    seq              integer not null,
    role             text not null check (role in ('user', 'assistant', 'system')),
    content          text not null,
    status           text not null check (status in ('pending', 'streaming', 'completed', 'failed', 'cancelled')),
    finish_reason    text,
    tokens           integer,          -- of this text
    prompt_tokens    integer,          -- of the window it answered
    tokens_estimated boolean not null default false,
    problem          jsonb,
    metadata         jsonb not null,
    version          bigint not null,
    attempt          integer not null default 1,
    lease_number     bigint not null default 0, -- of the worker that may write it; grows only
    created_at       timestamptz not null,
    completed_at     timestamptz,
    unique (conversation_id, seq)
);

-- +goose Down
drop table messages, conversations;
