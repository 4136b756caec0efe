-- +goose Up
create extension if not exists btree_gin; -- of contrib; trusted, so that the owner of the database may

-- The words by which a conversation is found: a row for its title, under its own id, and one for each message. A
-- message that a rollback has hidden keeps its own, and is not found. They are made in Go (internal/platform/words), in
-- the transaction that stores the text.
create table conversation_words (
    id              uuid primary key,
    conversation_id uuid not null references conversations on delete cascade,
    user_id         uuid not null,
    words           text[] not null
);
create index conversation_words_conversation on conversation_words (conversation_id);
-- Without the list of what is pending (fastupdate): every search would read it, and an unlucky message clear it.
create index conversation_words_user_words on conversation_words using gin (user_id, words) with (fastupdate = off);

-- Conversations of which some words are missing, until the job conversation.index_words has made them: those from before
-- there were words. After a change of the rules by which text is cut, empty the table above and fill this one again.
create table conversations_to_index (
    conversation_id uuid primary key references conversations on delete cascade
);
insert into conversations_to_index select id from conversations;

-- +goose Down
drop table conversations_to_index, conversation_words;
drop extension btree_gin;
