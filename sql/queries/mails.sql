-- Finds a mail, making it the first time, and answers its status. One that an earlier run began to send and did not
-- end is marked unknown: that run may have handed it over. By mails_pkey.
-- name: AdmitMail :one
insert into mails (key, message_id, template, language, status, created_at, updated_at)
values (@key, @message_id, @template, @language, 'pending', @at, @at)
on conflict (key) do update
set status = case when mails.status = 'sending' and mails.lease_number < @lease::bigint then 'unknown' else mails.status end,
    updated_at = case when mails.status = 'sending' and mails.lease_number < @lease::bigint then @at else mails.updated_at end
returning status;

-- Claims a mail for one run; no row when it is another's or has ended. By mails_pkey.
-- name: BeginMail :execrows
update mails
set status = 'sending', lease_number = @lease::bigint, attempts = attempts + 1, language = @language, failure = '',
    updated_at = @at
where key = @key and status = 'pending' and lease_number <= @lease::bigint;

-- Stores what came of it. The run that handed it over knows best, so it also corrects the unknown that another one
-- has noted meanwhile. By mails_pkey.
-- name: EndMail :execrows
update mails set status = @status, failure = @failure, updated_at = @at
where key = @key and lease_number = @lease::bigint and status in ('sending', 'unknown');
