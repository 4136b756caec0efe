-- +goose Up
-- How often something deprecated was asked for: each day (UTC), by which kind of client and by whom. It is counted
-- in each node and added up here every few seconds.
create table deprecated_calls (
    day     date not null,
    name    text not null, -- as the contract has it: an operation, or a parameter of one
    client  text not null, -- the family of its User-Agent
    user_id uuid references users on delete cascade, -- null: nobody was signed in, or the account is erased
    calls   bigint not null check (calls > 0),
    unique nulls not distinct (day, name, client, user_id)
);
create index deprecated_calls_user on deprecated_calls (user_id) where user_id is not null;

-- +goose Down
drop table deprecated_calls;
