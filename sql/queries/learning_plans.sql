-- By learning_plans_pkey.
-- name: LearningPlanByUser :one
select * from learning_plans where user_id = @user_id;

-- name: UpsertLearningPlan :exec
insert into learning_plans (user_id, id, source, language, plan, task_id, created_at)
values (@user_id, @id, @source, @language, @plan, @task_id, @at)
on conflict (user_id) do update set id = excluded.id, source = excluded.source, language = excluded.language,
    plan = excluded.plan, task_id = excluded.task_id, created_at = excluded.created_at;

-- name: DeleteLearningPlan :execrows
delete from learning_plans where user_id = @user_id;
