-- +goose Up
-- The language of a learner's mails until a native language is chosen.
alter table users add column language text not null default 'en' check (language in ('en', 'zh-Hans', 'zh-Hant'));

-- What has become of each mail, so that none is sent twice. No address and no
-- text: erasing a learner leaves nothing to erase here.
create table mails (
    key          text primary key, -- the event and the template: one mail, for ever
    message_id   text not null,    -- its Message-ID, by which mail servers log it
    template     text not null,
    language     text not null,
    status       text not null check (status in ('pending', 'sending', 'sent', 'unknown', 'refused')),
    lease_number bigint not null default 0, -- of the run that last handed it to the server; grows only
    attempts     integer not null default 0, -- how often it was handed over
    failure      text not null default '', -- where it failed last and with which reply code, never the reply's text
    created_at   timestamptz not null,
    updated_at   timestamptz not null
);

-- +goose Down
drop table mails;
alter table users drop column language;
