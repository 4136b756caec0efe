-- +goose Up
-- How many tokens of the model each learner has spent on a day (UTC): prompts and answers, as the model counted them
-- or as they were estimated. Whoever stores what the model said adds them.
create table token_days (
    day     date not null,
    user_id uuid not null references users on delete cascade,
    tokens  bigint not null check (tokens >= 0),
    primary key (day, user_id)
);
create index token_days_user on token_days (user_id);

-- +goose Down
drop table token_days;
