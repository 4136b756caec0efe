package sql_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/db"
)

// roleRows is a catalogue of 20,000 roles with 10 words each, 5,000 of them written by
// 100 learners, whose onboardings have been silent for a while.
const roleRows = `
insert into users (id, email, full_name, password_hash, created_at, updated_at)
select md5('u' || n)::uuid, 'u' || n || '@example.com', 'x', 'x', now(), now() from generate_series(1, 5000) n;
insert into industries select 'i' || n, n, '{}', '{}' from generate_series(0, 3) n;
insert into roles (id, key, industry_id, level, title, description, keywords, text_hash, author_id, published_at, created_at, updated_at)
select md5('r' || n)::uuid, case when n % 4 > 0 then 'k' || n end, 'i' || n % 4, 'manager', jsonb_build_object('en', 'Role ' || n), '{}', '{}', '',
    case when n % 4 = 0 then md5('u' || n % 100)::uuid end, case when n % 4 > 0 then now() end, now() - n * interval '1 minute', now()
from generate_series(4, 20000) n where n % 4 > 0 or n % 100 > 0;
insert into role_terms select r.industry_id, r.audience, 't' || w || '.' || abs(hashtext(r.id::text || w)) % 200, r.id, 1
from roles r, generate_series(1, 10) w on conflict do nothing;
insert into role_vocabulary select industry_id, term, count(*) from role_terms group by industry_id, term;
insert into role_indexes (id, model, created_at) values (md5('x')::uuid, 'm', now());
insert into role_embeddings select md5('x')::uuid, id, '', '' from roles;
insert into onboardings (user_id, version, status, step, last_activity_at, updated_at)
select md5('u' || n)::uuid, 1, 'in_progress', 'summary', now() - n * interval '1 hour', now() from generate_series(1, 5000) n;
insert into learning_plans select md5('u' || n)::uuid, md5('u' || n)::uuid, 'rules', 'en', '{}', md5('u' || n)::uuid, now() from generate_series(1, 5000) n;
analyze;`

func TestTheQueriesOfRolesAndOnboardingUseTheirIndex(t *testing.T) {
	t.Parallel()
	pool := filled(t, roleRows)
	user, role := uuid.New(), uuid.New()
	require.NoError(t, pool.QueryRow(t.Context(), "select md5('u1')::uuid, md5('r5')::uuid").Scan(&user, &role))
	now, industry := time.Now(), "i1"
	for name, c := range map[string]struct {
		query string
		args  []any
		index string
		sorts bool // what it reads is ranked
	}{
		"RoleForUser":        {db.RoleForUser, []any{role, user}, "roles_pkey", false},
		"RolesByID":          {db.RolesByID, []any{[]uuid.UUID{role}}, "roles_pkey", false},
		"RolesListed":        {db.RolesListed, []any{21, &industry, nil, "", 0, "", uuid.Nil, user}, "roles_listed", true},
		"RolesListed of all": {db.RolesListed, []any{21, nil, nil, "i1", 3, "role 5", role, user}, "roles_listed", true},
		"RolesFound": {db.RolesFound, []any{nil, float32(9), uuid.Nil, 21, []int{0, 1}, []string{"t1.5", "t2.7"}, []string{"t1.5", "t2.7"},
			[]string{"i1", "i2"}, []uuid.UUID{uuid.Nil, user}, 2}, "role_terms_pkey", true},
		"RolesUnpublished":    {db.RolesUnpublished, []any{now, user, 21}, "roles_unpublished", false},
		"RolesByAuthor":       {db.RolesByAuthor, []any{user, 50}, "roles_by_author", true},
		"Vocabulary":          {db.Vocabulary, []any{[]string{"t1.5"}, industry, []string{"t2.7x"}}, "role_vocabulary_pkey", true},
		"RolesByTerms":        {db.RolesByTerms, []any{[]uuid.UUID{role}, []string{"t1.5", "t2.7"}, []float32{1, 1}, industry, 20}, "role_terms_pkey", true},
		"RoleVectors":         {db.RoleVectors, []any{user, uuid.Nil, 1000}, "role_embeddings_pkey", false},
		"OnboardingByUser":    {db.OnboardingByUser, []any{user}, "onboardings_pkey", false},
		"OnboardingForUpdate": {db.OnboardingForUpdate, []any{user}, "onboardings_pkey", false},
		"SilentOnboardings":   {db.SilentOnboardings, []any{"in_progress", now, 10}, "onboardings_silent", false},
		"LearningPlanByUser":  {db.LearningPlanByUser, []any{user}, "learning_plans_pkey", false},
		"DeleteRolesOfAuthor": {db.DeleteRolesOfAuthor, []any{user}, "roles_by_author", false},
		"DeleteRoleTerms":     {db.DeleteRoleTerms, []any{[]uuid.UUID{role}}, "role_terms_by_role", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := explain(t, pool, c.query, c.args)
			if c.sorts {
				require.Contains(t, plan, c.index+" ", plan)
				require.NotContains(t, plan, "Seq Scan", plan)
				return
			}
			requireIndex(t, plan, c.index)
		})
	}
}
