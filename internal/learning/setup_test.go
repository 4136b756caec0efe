package learning_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/budget"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/learning"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// patience bounds every wait; nothing takes this long unless it is broken.
const patience = 20 * time.Second

var (
	mei = uuid.MustParse("01900000-0000-7000-8000-000000000001")
	now = time.Date(2026, 11, 2, 9, 5, 4, 123456789, time.UTC)
)

// bench is the service on a database of its own, with a model that can be scripted.
type bench struct {
	*learning.Service
	t       *testing.T
	pool    *pgxpool.Pool
	model   *partner.Server
	client  *llm.Client
	profile profiles
	talks   talks
	begun   *begun
	logs    *logs
	budgets *budget.Service
}

func setup(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, pool: postgrestest.Open(t), model: partner.New(partner.Config{}), profile: profiles{mei: clerk("en")}, talks: talks{}, begun: &begun{}, logs: &logs{}}
	_, err := b.pool.Exec(t.Context(), `insert into users (id, email, full_name, password_hash, created_at, updated_at)
		values ($1, 'mei@example.com', 'Mei Chen', '', now(), now())`, mei)
	require.NoError(t, err)
	web := httptest.NewServer(b.model)
	t.Cleanup(web.Close)
	t.Cleanup(b.model.Close)
	b.client = llm.New(llm.Config{
		BaseURL: web.URL + "/v1", Model: b.model.ModelName(), MaxAttempts: 1, Breaker: llm.BreakerConfig{Failures: 1000},
	})
	t.Cleanup(b.client.Close)
	b.allow(0)
	return b
}

// allow lets the model be asked for so many tokens a learner and day; 0: no limit.
func (b *bench) allow(tokens int64) {
	b.budgets = budget.New(budget.Deps{Pool: b.pool, Learner: tokens, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
	b.Service = b.service(b.client)
}

func (b *bench) service(model learning.Model) *learning.Service {
	s := learning.New(learning.Deps{
		Pool: b.pool, Model: model, Budgets: b.budgets, Profiles: b.profile, Backgrounds: b.profile, Transcripts: b.talks, Tasks: b.begun, Jobs: b.begun,
		Logger: slog.New(slog.NewTextHandler(b.logs, nil)), Now: func() time.Time { return now },
	})
	s.CallsEndAfter(patience)
	return s
}

// write writes Mei's plan for a task.
func (b *bench) write(task uuid.UUID) learning.Written {
	b.t.Helper()
	w, err := b.Write(b.t.Context(), &steps{}, task, input())
	require.NoError(b.t, err)
	return w
}

// plan reads Mei's plan.
func (b *bench) plan() learning.Plan {
	b.t.Helper()
	p, err := b.Get(b.t.Context(), mei)
	require.NoError(b.t, err)
	return p
}

func input() learning.PlanInput { return learning.PlanInput{Format: 1, UserID: mei} }

// profiles are what learners have chosen.
type profiles map[uuid.UUID]learning.Profile

func (p profiles) Profile(_ context.Context, user uuid.UUID) (learning.Profile, error) {
	found, ok := p[user]
	if !ok {
		return learning.Profile{}, errIncomplete
	}
	return found, nil
}

// steps is the progress of a task.
type steps struct{ total, done int64 }

func (s *steps) Total(n int64) { s.total = n }
func (s *steps) Add(n int64)   { s.done += n }

// logs keeps what is logged.
type logs struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// clerk is somebody with two partners: suppliers before colleagues.
func clerk(language string) learning.Profile {
	return learning.Profile{
		Language: language,
		Industry: learning.Named{ID: "shipping_logistics", Name: "Shipping & Logistics"},
		Role:     learning.RoleProfile{Title: "Freight Forwarder", Description: "Books space on ships and negotiates rates."},
		Partners: []learning.PartnerProfile{
			{ID: "suppliers", Name: "Suppliers", Situations: []learning.Named{{ID: "negotiations", Name: "Negotiations"}, {ID: "phone_calls", Name: "Phone Calls"}}},
			{ID: "colleagues", Name: "Colleagues", Situations: []learning.Named{{ID: "meetings", Name: "Meetings"}, {ID: "phone_calls", Name: "Phone Calls"}}},
		},
	}
}

// object is JSON that a test changes.
type object = map[string]any

// good is an answer that keeps every rule for clerk; its conversations are not in
// the order of priority.
func good(changes ...func(object)) string {
	suggest := func(partner, situation, goal string) object {
		return object{"partner_id": partner, "situation_id": situation, "goal": goal}
	}
	milestones, days := []any{}, []any{}
	for i := range 3 {
		milestones = append(milestones, object{"title": fmt.Sprintf("Stage %d", i+1), "description": "Say it with confidence.", "weeks": 2})
	}
	for _, day := range []string{"monday", "tuesday", "wednesday", "thursday", "friday"} {
		days = append(days, object{"day": day, "minutes": 25, "activity": "Practise one conversation."})
	}
	answer := object{
		"summary":         "In six weeks you will negotiate freight rates with confidence (谈判).",
		"milestones":      milestones,
		"weekly_schedule": days,
		"conversations": []any{
			suggest("colleagues", "phone_calls", "Agree on who calls back."),
			suggest("suppliers", "phone_calls", "Ask for the sailing date."),
			suggest("suppliers", "negotiations", "Ask for a better rate."),
			suggest("colleagues", "meetings", "Report on the delays."),
			suggest("suppliers", "negotiations", "Refuse a surcharge politely."),
		},
		"resources": []any{
			object{"title": "Incoterms explained", "kind": "article", "description": "Read about who pays for what."},
			object{"title": "Rates aloud", "kind": "exercise", "description": "Say ten figures aloud."},
			object{"title": "Shipping news", "kind": "podcast", "description": "Listen twice."},
		},
	}
	for _, change := range changes {
		change(answer)
	}
	text, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// set changes the member at a path of names and places.
func set(value any, path ...any) func(object) {
	return func(o object) {
		var at any = o
		for i, step := range path {
			last := i == len(path)-1
			switch step := step.(type) {
			case string:
				if last {
					at.(object)[step] = value
					return
				}
				at = at.(object)[step]
			case int:
				if last {
					at.([]any)[step] = value
					return
				}
				at = at.([]any)[step]
			}
		}
	}
}
