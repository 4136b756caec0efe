-- By learning_plans_pkey.
-- name: LearningPlanByUser :one
select * from learning_plans where user_id = @user_id;

-- By learning_plans_pkey. Nothing changes (0 rows) where the task's own plan is there: its first run wins.
-- name: UpsertLearningPlan :execrows
insert into learning_plans (user_id, id, source, language, plan, task_id, created_at)
values (@user_id, @id, @source, @language, @plan, @task_id, @at)
on conflict (user_id) do update set id = excluded.id, source = excluded.source, language = excluded.language,
    plan = excluded.plan, task_id = excluded.task_id, created_at = excluded.created_at
where learning_plans.task_id <> excluded.task_id;

-- name: DeleteLearningPlan :execrows
delete from learning_plans where user_id = @user_id;
