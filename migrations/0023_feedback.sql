-- +goose Up
-- The newest feedback on each conversation; body is what was counted, and what the model or the rules wrote.
create table conversation_feedback (
    conversation_id uuid primary key references conversations on delete cascade,
    user_id         uuid not null, -- the conversation's
    id              uuid not null,
    version         bigint not null, -- of the conversation that was looked at
    source          text not null check (source in ('model', 'rules')),
    language        text not null,
    body            jsonb not null,
    task_id         uuid not null, -- that wrote it: a run that comes again writes nothing twice
    created_at      timestamptz not null
);
create index conversation_feedback_user on conversation_feedback (user_id, conversation_id);

-- +goose Down
drop table conversation_feedback;
