package v2_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/platform/secret"
)

// monitoredAsTheExample is a moderator who looks at a service with one finding.
func monitoredAsTheExample(t *testing.T, s *apitest.Server) stage {
	_, err := s.Pool(t).Exec(t.Context(), `
		with p as (insert into monitor_probes (name, state, since, value, unit, detail, checked_at, pace, lease, calm_since, due_at)
			values ('findings', 'degraded', now(), 1, 'count', '1 findings in 1 conversations', now(), '30s', '20s', now(), now())),
		c as (insert into monitor_changes (id, name, at, previous, state, value, unit, detail, node)
			values (gen_random_uuid(), 'findings', now(), 'ok', 'degraded', 1, 'count', '1 findings in 1 conversations', $1))
		insert into monitor_nodes (id, host, version, started_at, seen_at) values ($1, 'api-1', '2.0.0', now(), now())`, uuid.New())
	require.NoError(t, err)
	return stage{asks: s.Moderator(t)}
}

// alertsTo has a server tell of changes to a receiver of the test's own.
func alertsTo(t *testing.T) (option apitest.Option, told <-chan string) {
	t.Helper()
	states := make(chan string, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var one struct{ Data struct{ Probe, State string } }
		text, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(text, &one)
		states <- one.Data.Probe + " " + one.Data.State
	}))
	t.Cleanup(receiver.Close)
	return apitest.WithConfig(func(c *app.Config) {
		c.AlertWebhookURL, c.AlertWebhookSecret = secret.NewText(receiver.URL), secret.NewText("whsec_"+base64.StdEncoding.EncodeToString([]byte("this is a secret of 32 bytes ok!")))
	}), states
}

// hears has all probes run, again and again, until a receiver is told something.
func hears(t *testing.T, s *apitest.Server, told <-chan string, want string) {
	t.Helper()
	late, again, pool := time.After(apitest.Patience), time.NewTicker(200*time.Millisecond), s.Pool(t)
	defer again.Stop()
	for {
		_, err := pool.Exec(t.Context(), "update monitor_probes set due_at = now() - interval '1 second'")
		require.NoError(t, err)
		select {
		case <-again.C:
		case got := <-told:
			if got == want {
				return
			}
		case <-late:
			require.Fail(t, "not told", want)
		}
	}
}

func TestADamagedConversationIsAlarmedAndMended(t *testing.T) {
	t.Parallel()
	receiver, told := alertsTo(t)
	s := apitest.New(t, apitest.WithMonitor(50*time.Millisecond), receiver)
	l, admin := s.SignUp(t), s.Admin(t)
	c := l.Talk(t)
	var status apiv2.SystemStatus
	pool := s.Pool(t)
	require.Eventually(t, func() bool {
		_, err := pool.Exec(t.Context(), "update monitor_probes set due_at = now() - interval '1 second' where state = 'unknown'")
		admin.Get(t, "/admin/status").Expect(t, http.StatusOK, &status)
		n := 0
		for _, p := range status.Probes {
			if p.State == apiv2.ProbeStateOk || p.State == apiv2.ProbeStateDegraded { // a busy machine is slow
				n++
			}
		}
		return err == nil && n == 9
	}, 2*apitest.Patience, 200*time.Millisecond, "every probe gets through, the rehearsal too")
	require.NotEqual(t, apiv2.SystemStatusStateFailing, status.State)
	require.Len(t, status.Nodes, 1)
	var users, left int
	require.NoError(t, s.Pool(t).QueryRow(t.Context(), "select count(*) from conversations c join users u on u.id = c.user_id where u.full_name = 'Monitor'").Scan(&left))
	require.Zero(t, left, "the rehearsal leaves nothing")
	require.NoError(t, s.Pool(t).QueryRow(t.Context(), "select count(*) from users where full_name = 'Monitor' and not is_active").Scan(&users))
	require.Equal(t, 1, users)
	var listed apiv2.AdminUserPage
	admin.Get(t, "/admin/users?limit=100").Expect(t, http.StatusOK, &listed)
	for _, u := range listed.Data {
		require.NotEqual(t, "Monitor", u.FullName, "its learner is in no list")
	}

	_, err := s.Pool(t).Exec(t.Context(), "update messages set content = 'Something else.' where conversation_id = $1", c.ID)
	require.NoError(t, err)
	began := time.Now()
	require.EqualValues(t, 1, verified(t, admin, map[string]any{"conversation_ids": []uuid.UUID{c.ID}})["findings"])
	verifiedAfter := time.Since(began)
	hears(t, s, told, "findings degraded")
	t.Logf("from corruption to the end of verification %s, to the alert %s", verifiedAfter.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))

	var ready struct {
		Status string
		Probes map[string]string
	}
	require.Eventually(t, func() bool {
		answer := admin.Get(t, "/readyz")
		answer.Expect(t, http.StatusOK, &ready)
		return ready.Status == "degraded"
	}, apitest.Patience, 50*time.Millisecond, "degraded is ready")
	require.Equal(t, "degraded", ready.Probes["findings"])
	admin.Get(t, "/admin/status?changes=1").Expect(t, http.StatusOK, &status)
	require.Equal(t, apiv2.SystemStatusStateDegraded, status.State)
	require.Equal(t, []string{"findings", "1 findings in 1 conversations"}, []string{status.Changes[0].Probe, status.Changes[0].Detail})

	admin.Do(t, apitest.Call{Method: http.MethodPost, Path: "/admin/conversations/" + c.ID.String() + "/recovery", Header: map[string]string{"Prefer": "wait=20"}, Body: map[string]any{}}).
		Expect(t, http.StatusOK, nil)
	verified(t, admin, map[string]any{"conversation_ids": []uuid.UUID{c.ID}})
	hears(t, s, told, "findings ok")
}

func TestOnlyOperatorsSeeHowTheServiceIs(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	s.SignUp(t).Get(t, "/admin/status").Refused(t, http.StatusForbidden, "auth.forbidden")
	s.Moderator(t).Get(t, "/admin/status?changes=101").Refused(t, http.StatusBadRequest, "request.invalid")
	var status apiv2.SystemStatus
	s.Moderator(t).Get(t, "/admin/status?changes=0").Expect(t, http.StatusOK, &status)
	require.Equal(t, apiv2.SystemStatusStateFailing, status.State, "no node is heard of: this one does not watch")
}
