package v2_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/platform/secret"
)

// backedUpAsTheExample is an admin of a service with a learner's conversation in a backup.
func backedUpAsTheExample(t *testing.T, s *apitest.Server) stage {
	st := inspectedAsTheExample(t, s)
	st.path["backup_id"] = backedUp(t, st.asks)
	st.body = func(b map[string]any) { b["conversation_id"] = st.path["conversation_id"] }
	return measured(func(*testing.T, *apitest.Server) stage { return st })(t, s)
}

// measured is a stage whose answer has the example's figures and ids in the place of those that
// differ in each run.
func measured(prepare func(*testing.T, *apitest.Server) stage) func(*testing.T, *apitest.Server) stage {
	return func(t *testing.T, s *apitest.Server) stage {
		st := prepare(t, s)
		st.answer = func(c apitest.Call) apitest.Answer {
			a := st.asks.Do(t, c)
			var body any
			require.NoError(t, json.Unmarshal(a.Body, &body))
			a.Body, _ = json.Marshal(asInTheExample(body))
			return a
		}
		return st
	}
}

func asInTheExample(v any) any {
	example := map[string]any{
		"bytes": 2210, "release": "v1.4.0", "as_of": "2026-11-03T03:00:00Z", "backup_id": "019a2b4e-5c00-7000-8000-000000000071",
		"recipients": []string{"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"},
	}
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if value, differs := example[name]; differs {
				v[name] = value
				continue
			}
			v[name] = asInTheExample(member)
		}
	case []any:
		for i := range v {
			v[i] = asInTheExample(v[i])
		}
	}
	return v
}

// ended asks for a task and gives it when it has ended.
func ended(t *testing.T, admin *apitest.Learner, path string, body map[string]any) apiv2.Task {
	t.Helper()
	var done apiv2.Task
	admin.Do(t, apitest.Call{Method: http.MethodPost, Path: path, Body: body, Header: map[string]string{"Prefer": "wait=20"}}).Expect(t, http.StatusOK, &done)
	return done
}

// backedUp makes a backup and gives its id.
func backedUp(t *testing.T, admin *apitest.Learner) string {
	t.Helper()
	done := ended(t, admin, "/admin/backups", map[string]any{})
	require.Equal(t, apiv2.TaskStatusCompleted, done.Status, "%+v", done.Problem)
	return (*done.Result)["backup_id"].(string)
}

func TestWhatWasLostComesBackFromABackup(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	l, admin := s.SignUp(t), s.Admin(t)
	c := l.Talk(t)
	whole := said(t, l, c)
	first, second := backedUp(t, admin), backedUp(t, admin)
	var page apiv2.BackupPage
	s.Moderator(t).Get(t, "/admin/backups?limit=1").Expect(t, http.StatusOK, &page)
	require.Equal(t, second, page.Data[0].ID.String())
	require.EqualValues(t, "incremental", page.Data[0].Kind)
	require.True(t, page.Data[0].Problem.IsNull())
	admin.Get(t, "/admin/backups?cursor=%s", page.NextCursor.MustGet()).Expect(t, http.StatusOK, &page)
	require.Equal(t, first, page.Data[0].ID.String())
	require.True(t, page.NextCursor.IsNull())

	_, err := s.Pool(t).Exec(t.Context(), "with gone as (delete from messages where conversation_id = $1) delete from conversations where id = $1", c.ID)
	require.NoError(t, err)
	l.Get(t, "/conversations/%s", c.ID).Refused(t, http.StatusNotFound, "resource.not_found")
	path := "/admin/backups/" + second + "/restore"
	request := map[string]any{"conversation_id": c.ID, "include_deleted": true} // its versions are left, as of one that was deleted
	dry := ended(t, admin, path, request)
	require.Equal(t, false, (*dry.Result)["written"])
	l.Get(t, "/conversations/%s", c.ID).Refused(t, http.StatusNotFound, "resource.not_found")
	request["dry_run"] = false
	done := ended(t, admin, path, request)
	require.Equal(t, true, (*done.Result)["written"])
	require.Equal(t, whole, said(t, l, c))
	require.EqualValues(t, 0, verified(t, admin, map[string]any{"scope": "all"})["findings"])

	admin.Post(t, "/admin/backups/"+uuid.NewString()+"/restore", map[string]any{}).Refused(t, http.StatusNotFound, "resource.not_found")
	admin.Post(t, path, map[string]any{"version": 3}).Refused(t, http.StatusUnprocessableEntity, "backup.invalid_restore")
	payload := filepath.Join(s.Config.BlobURL.Reveal(), "backups", first+".ndjson.zst.age")
	text, err := os.ReadFile(payload) //nolint:gosec // the test's own
	require.NoError(t, err)
	text[len(text)/2] ^= 1
	require.NoError(t, os.WriteFile(payload, text, 0o600)) //nolint:gosec // the test's own
	failed := ended(t, admin, path, map[string]any{})
	require.Equal(t, apiv2.TaskStatusFailed, failed.Status)
	require.EqualValues(t, "backup.damaged", failed.Problem.Code)
	require.Contains(t, failed.Problem.Detail, first, "it says which")
	require.NoError(t, os.Remove(payload))
	admin.Post(t, path, map[string]any{}).Refused(t, http.StatusUnprocessableEntity, "backup.damaged")
	admin.Get(t, "/admin/backups").Expect(t, http.StatusOK, &page)
	require.Contains(t, page.Data[0].Problem.MustGet(), first)
}

func TestWithoutKeysNoBackupIsMadeAndNoneIsRead(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	id := backedUp(t, s.Admin(t))
	blind := apitest.New(t, apitest.WithConfig(func(c *app.Config) {
		c.BlobURL, c.BackupRecipient, c.BackupIdentityFile = s.Config.BlobURL, "", ""
	}))
	admin := blind.Admin(t)
	admin.Post(t, "/admin/backups", map[string]any{}).Refused(t, http.StatusConflict, "backup.no_recipient")
	admin.Post(t, "/admin/backups/"+id+"/restore", map[string]any{}).Refused(t, http.StatusConflict, "backup.no_identity")
	nowhere := apitest.New(t, apitest.WithConfig(func(c *app.Config) {
		c.BlobURL = secret.NewURL(filepath.Join(s.Config.BackupIdentityFile, "no-folder"))
	}))
	nowhere.Admin(t).Get(t, "/admin/backups").Refused(t, http.StatusServiceUnavailable, "backup.store_unavailable")
}
