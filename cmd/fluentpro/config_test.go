package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/app"
)

func TestConfigCheckNamesWhatIsWrong(t *testing.T) { //nolint:paralleltest // settings are in the environment
	t.Setenv("FLUENTPRO_DATABASE_URL", "mysql://u:hunter2@db/x")
	t.Setenv("FLUENTPRO_MODEL_NAEM", "hunter2")
	t.Setenv("FLUENTPRO_DRAIN_LIMIT", "soon")
	_, err := command(t, "config", "check")
	for _, says := range []string{
		"FLUENTPRO_DATABASE_URL must be a URL that begins with postgres://", "FLUENTPRO_MODEL_NAEM is no setting; the nearest is FLUENTPRO_MODEL_NAME",
		"FLUENTPRO_DRAIN_LIMIT must be a duration", "FLUENTPRO_REDIS_URL must be a URL",
	} {
		require.ErrorContains(t, err, says)
	}
	require.NotContains(t, err.Error(), "hunter2")
	_, serve := command(t, "serve")
	require.EqualError(t, serve, err.Error(), "serve says the same")
}

func TestConfigPrintShowsWhatIsInUseWithoutSecrets(t *testing.T) { //nolint:paralleltest // settings are in the environment
	t.Setenv("FLUENTPRO_DATABASE_URL", "postgres://mei:hunter2@db/x")
	t.Setenv("FLUENTPRO_KEY_ENCRYPTION_KEY", "hunter2")
	t.Setenv("FLUENTPRO_DRAIN_LIMIT", "soon")
	for _, format := range []string{"table", "json", "yaml", "ndjson"} {
		out, err := command(t, "config", "print", "--output", format)
		require.NoError(t, err)
		require.NotContains(t, out, "hunter2")
		require.Contains(t, out, "postgres://mei:xxxxx@db/x")
		require.Contains(t, out, "FLUENTPRO_BACKUP_KEEP_FOR")
	}
	out, err := command(t, "config", "print", "--output", "json")
	require.NoError(t, err)
	var all []app.SettingInUse
	require.NoError(t, json.Unmarshal([]byte(out), &all))
	require.Contains(t, all, app.SettingInUse{Name: "FLUENTPRO_KEY_ENCRYPTION_KEY", Value: "********", From: "environment"})
	require.Contains(t, all, app.SettingInUse{Name: "FLUENTPRO_HTTP_ADDR", Value: "127.0.0.1:8080", From: "default"})
	_, err = command(t, "config", "print", "--output", "xml")
	require.ErrorContains(t, err, "--output must be")
}
