-- By onboardings_pkey.
-- name: OnboardingByUser :one
select * from onboardings where user_id = @user_id;

-- The same, locked: two devices wait for each other. By onboardings_pkey.
-- name: OnboardingForUpdate :one
select * from onboardings where user_id = @user_id for update;

-- name: InsertOnboarding :execrows
insert into onboardings (user_id, version, status, step, last_activity_at, updated_at)
values (@user_id, 0, 'not_started', 'not_started', @at, @at)
on conflict (user_id) do nothing;

-- By onboardings_pkey.
-- name: UpdateOnboarding :exec
update onboardings
set version = @version, status = @status, step = @step, industry_id = @industry_id, role_id = @role_id,
    role_title = @role_title, role_description = @role_description, partners = @partners, task_id = @task_id,
    started_at = @started_at, last_activity_at = @last_activity_at, completed_at = @completed_at, updated_at = @updated_at
where user_id = @user_id;

-- Those in a status that have been silent since then or longer, the longest first; rows that are being written are left
-- for the next time. By onboardings_silent.
-- name: SilentOnboardings :many
select * from onboardings
where status = @status and last_activity_at <= @since::timestamptz
order by last_activity_at
limit @max_rows
for update skip locked;

-- Stores what readers are told already, so it is no new version. By onboardings_pkey.
-- name: PauseOnboardings :exec
update onboardings set status = 'paused' where user_id = any(@user_ids::uuid[]);

-- By onboardings_pkey.
-- name: LeaveOnboardings :exec
update onboardings set status = @status, version = version + 1, updated_at = @at where user_id = any(@user_ids::uuid[]);

-- name: DeleteOnboarding :execrows
delete from onboardings where user_id = @user_id;
