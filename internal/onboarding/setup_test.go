package onboarding_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/onboarding"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
)

// The users and roles that every database holds.
var (
	mei        = uuid.MustParse("01900000-0000-7000-8000-000000000001")
	other      = uuid.MustParse("01900000-0000-7000-8000-000000000002")
	accountant = uuid.MustParse("01900000-0000-7000-8000-00000000000a") // banking_finance
	concierge  = uuid.MustParse("01900000-0000-7000-8000-00000000000b") // hotels_hospitality
	hidden     = uuid.MustParse("01900000-0000-7000-8000-00000000000c") // of the other user alone
)

// start is far from the real time, so that a clock which is not the given one shows.
var start = time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)

// A clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bench is a database with a service on it, and a clock to move.
type bench struct {
	*onboarding.Service
	t     *testing.T
	pool  *pgxpool.Pool
	clock *clock
	roles *roles
	plans *plans
	log   *bytes.Buffer
}

func setup(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, pool: postgrestest.Open(t, catalogue.Seed, people), clock: &clock{now: start}, log: &bytes.Buffer{}}
	known, err := catalogue.Load(t.Context(), b.pool)
	require.NoError(t, err)
	b.roles, b.plans = &roles{pool: b.pool}, &plans{}
	b.Service = onboarding.New(onboarding.Deps{
		Pool: b.pool, Choices: choices{known}, Roles: b.roles, Learners: learners{b.pool}, Plans: b.plans,
		Logger: slog.New(slog.NewTextHandler(b.log, nil)), Now: b.clock.Now,
	})
	return b
}

func people(ctx context.Context, pool *pgxpool.Pool) error {
	if _, err := pool.Exec(ctx, `insert into users (id, email, full_name, password_hash, created_at, updated_at) values
		($1, 'mei@example.com', 'Mei Chen', '', now(), now()), ($2, 'other@example.com', 'Other', '', now(), now())`, mei, other); err != nil {
		return err
	}
	_, err := pool.Exec(ctx, `insert into roles (id, industry_id, level, title, description, keywords, text_hash, author_id, published_at, created_at, updated_at)
		values ($1, 'banking_finance', 'associate', '{"en": "Accountant", "zh-Hans": "会计"}', '{"en": "Keeps the books."}', '{"en": ["ledger"]}', '', null, now(), now(), now()),
		($2, 'hotels_hospitality', null, '{"en": "Hotel Concierge"}', '{"en": "Helps guests."}', '{"en": ["guests"]}', '', null, now(), now(), now()),
		($3, 'banking_finance', null, '{"en": "Spy"}', '{"en": "Tells nobody."}', '{"en": []}', '', $4, null, now(), now())`,
		accountant, concierge, hidden, other)
	return err
}

// choices are the catalogue's, found by the rule for ids.
type choices struct{ *catalogue.Catalogue }

func (c choices) Industry(given string) (string, bool) {
	return canonical(given, c.Industries, func(i catalogue.Industry) string { return i.ID })
}

func (c choices) Partner(given string) (string, bool) {
	return canonical(given, c.Partners, func(p catalogue.Partner) string { return p.ID })
}

func (c choices) Situation(given string) (string, bool) {
	return canonical(given, c.Situations, func(s catalogue.Situation) string { return s.ID })
}

func canonical[T any](given string, all []T, id func(T) string) (string, bool) {
	given = strings.ReplaceAll(strings.ToLower(given), "-", "_")
	return given, slices.ContainsFunc(all, func(one T) bool { return id(one) == given })
}

// learners keeps the native language where the account does.
type learners struct{ pool *pgxpool.Pool }

func (l learners) NativeLanguage(ctx context.Context, user uuid.UUID) (language *string, err error) {
	return language, l.pool.QueryRow(ctx, "select native_language from users where id = $1", user).Scan(&language)
}

func (learners) SetNativeLanguage(ctx context.Context, tx postgres.Tx, user uuid.UUID, language *string) error {
	_, err := tx.Exec(ctx, "update users set native_language = $2 where id = $1", user, language)
	return err
}

// plans starts tasks that nobody does.
type plans struct{ fails error }

func (p *plans) Start(ctx context.Context, tx postgres.Tx, user uuid.UUID) (uuid.UUID, error) {
	id := uuid.Must(uuid.NewV7())
	if p.fails != nil {
		return uuid.Nil, p.fails
	}
	_, err := tx.Exec(ctx, "insert into tasks (id, user_id, kind, status, input, created_at, updated_at) values ($1, $2, 'learning_plan', 'queued', '{}', now(), now())", id, user)
	return id, err
}

// roles are those of the table; a test may look in while they are searched and composed.
type roles struct {
	pool     *pgxpool.Pool
	found    onboarding.Matches
	matched  []onboarding.MatchInput
	composed []onboarding.ComposeInput
	during   func()
}

func (r *roles) Role(ctx context.Context, user, id uuid.UUID, language string) (onboarding.Role, error) {
	role := onboarding.Role{ID: id}
	var keywords json.RawMessage
	err := r.pool.QueryRow(ctx, `select industry_id, level, coalesce(title ->> $3, title ->> 'en'), description ->> 'en', keywords -> 'en', author_id is not null
		from roles where id = $1 and (published_at is not null or author_id = $2)`, id, user, language).
		Scan(&role.IndustryID, &role.Level, &role.Title, &role.Description, &keywords, &role.Custom)
	if postgres.NoRows(err) {
		return role, fault.New(fault.NotFound, "resource.not_found", "There is no such role.")
	}
	if err != nil {
		return role, err
	}
	return role, json.Unmarshal(keywords, &role.Keywords)
}

func (r *roles) Match(_ context.Context, in onboarding.MatchInput) (onboarding.Matches, error) {
	r.matched = append(r.matched, in)
	if r.during != nil {
		r.during()
	}
	return r.found, nil
}

func (r *roles) Compose(ctx context.Context, in onboarding.ComposeInput) (onboarding.NewRole, error) {
	r.composed = append(r.composed, in)
	if r.during != nil {
		r.during()
	}
	title, _ := json.Marshal(map[string]string{"en": in.Title})
	description, _ := json.Marshal(map[string]string{"en": in.Description})
	var latest uuid.UUID
	err := r.pool.QueryRow(ctx, "select id from roles where author_id = $1 and title = $2 and description = $3 and industry_id = $4",
		in.UserID, title, description, in.IndustryID).Scan(&latest)
	if err == nil {
		return onboarding.NewRole{ID: latest, Existing: true}, nil
	}
	id := uuid.Must(uuid.NewV7())
	return onboarding.NewRole{ID: id, Insert: func(ctx context.Context, tx postgres.Tx) error {
		_, err := tx.Exec(ctx, `insert into roles (id, industry_id, level, title, description, keywords, text_hash, author_id, created_at, updated_at)
			values ($1, $2, $3, $4, $5, '{"en": ["own"]}', '', $6, now(), now())`, id, in.IndustryID, in.Level, title, description, in.UserID)
		return err
	}}, nil
}
