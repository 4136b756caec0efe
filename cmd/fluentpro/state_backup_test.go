package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/conversation/drill"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
)

func TestABackupIsMadeVerifiedAndRestoredFromTheCommandLine(t *testing.T) {
	s := apitest.New(t)
	l := s.SignUp(t)
	c := l.Talk(t)
	file := filepath.Join(t.TempDir(), "identity")
	recipient, err := command(t, "keys", "backup", file)
	require.NoError(t, err)
	again, err := command(t, "keys", "backup", file)
	require.NoError(t, err)
	require.Equal(t, recipient, again, "one that is there is kept")
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	for name, value := range map[string]string{
		"FLUENTPRO_DATABASE_URL": s.Config.DatabaseURL.Reveal(), "FLUENTPRO_REDIS_URL": s.Config.RedisURL.Reveal(), "FLUENTPRO_DATA_DIR": t.TempDir(),
		"FLUENTPRO_BLOB_URL": t.TempDir(), "FLUENTPRO_KEY_ENCRYPTION_KEY": s.Config.KeyEncryptionKey.Reveal(),
	} {
		t.Setenv(name, value)
	}
	_, err = command(t, "state", "backup", "create")
	require.ErrorContains(t, err, "FLUENTPRO_BACKUP_RECIPIENT")
	t.Setenv("FLUENTPRO_BACKUP_RECIPIENT", strings.TrimSpace(recipient))
	_, err = command(t, "state", "backup", "verify", "latest")
	require.ErrorContains(t, err, "There is no such backup.")

	out, err := command(t, "state", "backup", "create")
	require.NoError(t, err)
	id, _, _ := strings.Cut(out, ":")
	require.Contains(t, out, "conversations: 1, of which 1 are inside.")
	require.Contains(t, out, "Not inside: ")
	out, err = command(t, "state", "backup", "create", "--full")
	require.NoError(t, err)
	require.Contains(t, out, "full (it was asked for)")
	out, err = command(t, "state", "backup", "list")
	require.NoError(t, err)
	require.Equal(t, "users:1,conversations:1", words(t, out, id)[5])
	out, err = command(t, "state", "backup", "verify", id)
	require.NoError(t, err)
	require.Contains(t, out, "give --identity")
	out, err = command(t, "state", "backup", "verify", "latest", "--identity", file)
	require.NoError(t, err)
	require.Contains(t, out, "All 2 things in it were read and verified.")

	_, err = s.Pool(t).Exec(t.Context(), "update messages set content = 'Altered.' where conversation_id = $1", c.ID)
	require.NoError(t, err)
	restore := []string{"state", "restore", "--conversation", c.ID.String(), "--identity", file}
	out, err = command(t, restore...)
	require.Equal(t, exitDamaged, report(err, io.Discard), "something would be done")
	require.Contains(t, out, "Nothing was changed: --write does it.")
	require.Equal(t, "1", words(t, out, "recovered")[1])
	_, err = command(t, append(restore, "--write", "--operator", "Mei Chen")...)
	require.ErrorContains(t, err, "--operator")
	out, err = command(t, append(restore, "--write", "--operator", "mei.chen")...)
	require.NoError(t, err)
	require.Contains(t, out, "Done.")
	for _, event := range []string{"backup.restore_started", "conversation.recovered"} {
		var operator string
		require.NoError(t, s.Pool(t).QueryRow(t.Context(), "select data->>'operator' from outbox where type = $1", event).Scan(&operator), event)
		require.Equal(t, "mei.chen", operator, event)
	}
	out, err = command(t, "state", "restore", id, "--all", "--identity", file)
	require.NoError(t, err)
	require.Equal(t, "1", words(t, out, "unchanged")[1])

	for says, args := range map[string][]string{
		"say what to restore":    {"state", "restore"},
		"not the id of":          {"state", "restore", "--conversation", "x"},
		"learner me":             {"state", "restore", "--user", "me"},
		"is no id of a backup":   {"state", "restore", "yesterday", "--all"},
		"is no time such as":     {"state", "restore", "--all", "--time", "yesterday"},
		"There is no such":       {"state", "restore", "--all", "--time", "2020-01-01T00:00:00Z", "--identity", file},
		"backup.invalid_restore": {"state", "restore", "--all", "--version", "3"},
		"--identity":             {"state", "restore", "--all"},
		"holds none":             {"state", "restore", "--all", "--identity", os.DevNull},
	} {
		_, err = command(t, args...)
		require.ErrorContains(t, err, says)
	}
	_, err = command(t, "state", "backup", "verify", uuid.NewString())
	require.ErrorContains(t, err, "resource.not_found")
	require.Equal(t, exitAbsent, report(err, io.Discard))
	t.Setenv("FLUENTPRO_KEY_ENCRYPTION_KEY", "")
	_, err = command(t, "state", "backup", "list")
	require.ErrorContains(t, err, "FLUENTPRO_KEY_ENCRYPTION_KEY")
}

// The runbook of docs/state.md: "yesterday's data is back".
func TestYesterdaysDataMakesWayForTodays(t *testing.T) {
	d := newDesk(t)
	file := filepath.Join(t.TempDir(), "identity")
	recipient, err := command(t, "keys", "backup", file)
	require.NoError(t, err)
	t.Setenv("FLUENTPRO_BLOB_URL", t.TempDir())
	t.Setenv("FLUENTPRO_KEY_ENCRYPTION_KEY", d.Config.KeyEncryptionKey.Reveal())
	t.Setenv("FLUENTPRO_BACKUP_RECIPIENT", strings.TrimSpace(recipient))
	var yesterday record.Record
	require.NoError(t, json.Unmarshal([]byte(d.state(0, "export CONVERSATION")), &yesterday))
	d.say("Today we sign.", "Gladly.")
	today := d.said()
	d.state(0, "backup create")
	require.NoError(t, drill.Plant(t.Context(), d.Pool(t), yesterday))
	require.Len(t, d.said(), len(today)-2, "Redis is of today")

	require.Contains(t, d.state(0, "stats"), "newest version")
	require.Contains(t, d.state(0, "backup list"), "full")
	restore := "restore latest --all --identity " + file
	require.Equal(t, "1", words(t, d.state(exitDamaged, restore), "recovered")[1])
	d.state(0, restore+" --write --operator mei.chen")
	d.state(0, "verify --all")
	require.Equal(t, today, d.said())
	d.say("And tomorrow we deliver.", "We look forward to it.")
	d.state(0, "verify --all")
}
