package v2_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/audit"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/page"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
)

// auditEvent is an event with all there is to it.
func auditEvent(change ...func(*outbox.Event)) outbox.Event {
	actor, cause := uuid.New(), uuid.New()
	e := outbox.Event{
		ID: uuid.New(), Type: "session.revoked", Version: 2, AggregateType: "session", AggregateID: uuid.New(), ActorID: &actor,
		CorrelationID: "r-" + uuid.NewString(), CausationID: &cause, OccurredAt: time.Now(),
		Data: json.RawMessage(`{"reason": "logged \"out\"\n", "n": 9007199254740993, "list": [1, null, {"a": true}]}`),
	}
	for _, c := range change {
		c(&e)
	}
	return e
}

// record puts events into the audit log, as its handlers do.
func record(t *testing.T, s *apitest.Server, events ...outbox.Event) {
	t.Helper()
	pool := postgrestest.Pool(t, s.Config.DatabaseURL.Reveal())
	log := audit.New(audit.Deps{Pool: pool})
	require.NoError(t, postgres.InTx(t.Context(), pool, func(tx postgres.Tx) error {
		for _, e := range events {
			if err := log.Record(t.Context(), tx, e); err != nil {
				return err
			}
		}
		return nil
	}))
}

// recordMany puts n events about one thing into the log, each of about size bytes.
func recordMany(t *testing.T, s *apitest.Server, n, size int) uuid.UUID {
	about := uuid.New()
	text, err := json.Marshal(map[string]string{"x": strings.Repeat("x", size)})
	require.NoError(t, err)
	events := make([]outbox.Event, n)
	for i := range events {
		events[i] = auditEvent(func(e *outbox.Event) { e.AggregateID, e.Data = about, text })
	}
	record(t, s, events...)
	return about
}

func TestOnlyModeratorsAndAdminsReadTheAuditLog(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	admin, moderator, learner := s.Admin(t), s.Moderator(t), s.SignUp(t)
	for _, path := range []string{"/admin/audit-events", "/admin/audit-events/export"} {
		s.Nobody().Get(t, "%s", path).Refused(t, http.StatusUnauthorized, "auth.required")
		learner.Get(t, "%s", path).Refused(t, http.StatusForbidden, "auth.forbidden")
		moderator.Get(t, "%s", path).Expect(t, http.StatusOK, nil)
		admin.Get(t, "%s", path).Expect(t, http.StatusOK, nil)
	}
}

func TestTheAuditLogIsListedInPagesNewestFirst(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	admin, about := s.Admin(t), uuid.New()
	var want []uuid.UUID
	for i := range 7 {
		e := auditEvent(func(e *outbox.Event) {
			e.AggregateID, e.OccurredAt = about, e.OccurredAt.Add(time.Duration(i/2)*time.Second)
		})
		record(t, s, e, auditEvent())
		want = append([]uuid.UUID{e.ID}, want...)
	}
	var got []uuid.UUID
	path := "/admin/audit-events?limit=3&aggregate_id=" + about.String()
	cursor := ""
	for range 3 {
		var list apiv2.AuditEventPage
		admin.Get(t, "%s", path+cursor).Expect(t, http.StatusOK, &list)
		for _, e := range list.Data {
			got = append(got, e.ID)
		}
		if list.NextCursor.IsNull() {
			break
		}
		cursor = "&cursor=" + url.QueryEscape(list.NextCursor.MustGet())
	}
	require.Equal(t, want, got)
}

func TestACursorOfTheAuditLogBelongsToItsFilter(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	admin, about := s.Admin(t), recordMany(t, s, 3, 10)
	var list apiv2.AuditEventPage
	admin.Get(t, "/admin/audit-events?limit=1&aggregate_id=%s", about).Expect(t, http.StatusOK, &list)
	cursor := list.NextCursor.MustGet()
	for name, query := range map[string]string{
		"no filter":       "cursor=" + url.QueryEscape(cursor),
		"another filter":  "aggregate_id=" + about.String() + "&type=session.revoked&cursor=" + url.QueryEscape(cursor),
		"another time":    "aggregate_id=" + about.String() + "&from=2026-01-01T00:00:00Z&cursor=" + url.QueryEscape(cursor),
		"another's value": "aggregate_id=" + uuid.NewString() + "&cursor=" + url.QueryEscape(cursor),
		"altered":         "aggregate_id=" + about.String() + "&cursor=" + url.QueryEscape(cursor[:len(cursor)-2]+"AA"),
		"invented":        "aggregate_id=" + about.String() + "&cursor=abc",
	} {
		a := admin.Get(t, "/admin/audit-events?%s", query)
		require.Equal(t, http.StatusBadRequest, a.Status, name)
		a.Refused(t, http.StatusBadRequest, "cursor.invalid")
	}
}

func TestEachFilterOfTheAuditLogReachesIt(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	admin := s.Admin(t)
	e := auditEvent(func(e *outbox.Event) {
		e.Type, e.AggregateType, e.OccurredAt = "backup.restored", "backup", time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	})
	record(t, s, auditEvent(), e, auditEvent())
	for _, query := range []string{
		"actor_id=" + e.ActorID.String(), "aggregate_type=backup", "aggregate_id=" + e.AggregateID.String(), "type=backup.restored",
		"request_id=" + e.CorrelationID, "from=2026-03-01T10:00:00Z&to=2026-03-01T10:00:01Z",
		"from=2026-03-01T11:00:00%2B01:00&to=2026-03-01T10:00:01Z",
	} {
		var list apiv2.AuditEventPage
		admin.Get(t, "/admin/audit-events?%s", query).Expect(t, http.StatusOK, &list)
		require.Len(t, list.Data, 1, query)
		require.Equal(t, e.ID, list.Data[0].ID, query)
		lines := exportLines(t, admin.Get(t, "/admin/audit-events/export?%s", query))
		require.Len(t, lines, 2, query)
		require.Contains(t, lines[0], e.ID.String(), query)
	}
	for query, pointer := range map[string]string{"actor_id=me": "query/actor_id", "from=yesterday": "query/from", "type=": "query/type"} {
		for _, path := range []string{"/admin/audit-events", "/admin/audit-events/export"} {
			p := admin.Get(t, "%s?%s", path, query).Refused(t, http.StatusBadRequest, "request.invalid")
			require.Equal(t, pointer, (*p.Errors)[0].Pointer)
		}
	}
}

// exportLines gives the lines of an export, with media type and headers checked.
func exportLines(t *testing.T, a apitest.Answer) []string {
	t.Helper()
	a.Expect(t, http.StatusOK, nil)
	require.Equal(t, page.MediaType, a.Header.Get("Content-Type"))
	require.Equal(t, "no-store, no-transform", a.Header.Get("Cache-Control"))
	return strings.Split(strings.TrimSuffix(string(a.Body), "\n"), "\n")
}

func TestAnExportGivesEventsAsTheListDoesAndSaysWhereItEnds(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	admin := s.Admin(t)
	about := uuid.New()
	plain := auditEvent(func(e *outbox.Event) { e.AggregateID = about })
	bare := auditEvent(func(e *outbox.Event) {
		e.Type, e.ActorID, e.CausationID, e.CorrelationID, e.Data = "test.bare", nil, nil, "", json.RawMessage("{}")
		e.OccurredAt, e.AggregateID = time.Date(2026, 11, 2, 9, 0, 0, 120_000_000, time.UTC), about
	})
	odd := auditEvent(func(e *outbox.Event) {
		e.AggregateID, e.AggregateType, e.CorrelationID = about, `<"é\&> `, "\u2028\x7f"
	})
	record(t, s, plain, bare, odd)

	var listed struct{ Data []json.RawMessage }
	admin.Get(t, "/admin/audit-events?aggregate_id=%s", about).Expect(t, http.StatusOK, &listed)
	require.Len(t, listed.Data, 3)
	slices.Reverse(listed.Data)
	lines := exportLines(t, admin.Get(t, "/admin/audit-events/export?aggregate_id=%s", about))
	require.Equal(t, fmt.Sprintf(`{"type":"end","count":%d}`, len(listed.Data)), lines[len(lines)-1])
	require.Len(t, lines, len(listed.Data)+1)
	for i, one := range listed.Data {
		require.Equal(t, exact(t, one), exact(t, []byte(lines[i])))
	}
}

// exact decodes a JSON object, numbers as they are written.
func exact(t *testing.T, text []byte) (out map[string]any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	require.NoError(t, d.Decode(&out), "%s", text)
	return out
}

func TestTheHeadersOfAnExportCanBeAskedForAlone(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	a := s.Admin(t).Do(t, apitest.Call{Method: http.MethodHead, Path: "/admin/audit-events/export"})
	require.Equal(t, http.StatusOK, a.Status)
	require.Equal(t, page.MediaType, a.Header.Get("Content-Type"))
	require.Empty(t, a.Body)
}

func TestAFifthExportAtOnceIsRefusedUntilOneEnds(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	admin, call := s.Admin(t), apitest.Call{Method: http.MethodGet, Path: "/admin/audit-events/export"}
	pool := postgrestest.Pool(t, s.Config.DatabaseURL.Reveal())
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.Background()) }()
	_, err = tx.Exec(t.Context(), "lock table audit_events") // holds the first pages up
	require.NoError(t, err)
	answers := make(chan apitest.Answer, page.DefaultAtOnce)
	for range page.DefaultAtOnce {
		go func() { answers <- admin.Do(t, call) }()
	}
	require.Eventually(t, func() bool {
		var waiting int
		require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from pg_locks where relation = 'audit_events'::regclass and mode = 'AccessShareLock' and not granted").Scan(&waiting))
		return waiting == page.DefaultAtOnce
	}, 20*time.Second, 10*time.Millisecond)

	a := admin.Do(t, call)
	a.Refused(t, http.StatusServiceUnavailable, "export.busy")
	require.Equal(t, "10", a.Header.Get("Retry-After"))
	admin.Get(t, "/users/me").Expect(t, http.StatusOK, nil) // other work goes on
	require.NoError(t, tx.Rollback(t.Context()))
	for range page.DefaultAtOnce {
		require.Equal(t, http.StatusOK, (<-answers).Status)
	}
	admin.Do(t, call).Expect(t, http.StatusOK, nil)
}

func TestAnExportOfANodeThatStopsSaysSo(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	admin := s.Admin(t)
	recordMany(t, s, 600, 16_000) // more than the sockets take
	response := admin.Open(t.Context(), t, apitest.Call{Method: http.MethodGet, Path: "/admin/audit-events/export"})
	defer response.Body.Close()
	s.App.Drain()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	var last apiv2.ExportProblem
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
	require.Equal(t, apiv2.ExportProblemTypeProblem, last.Type)
	require.EqualValues(t, "server.unavailable", last.Problem.Code)
	require.Less(t, len(lines), 600)
}
