package main

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

func TestKeysAreListedAndRotated(t *testing.T) {
	s := apitest.New(t) // makes the first key
	t.Setenv("FLUENTPRO_DATABASE_URL", s.Config.DatabaseURL.Reveal())
	t.Setenv("FLUENTPRO_DATA_DIR", t.TempDir())
	out, err := command(t, "keys", "list")
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(out, "\n"))
	first := strings.Fields(strings.Split(out, "\n")[1])
	require.Equal(t, "-", first[3], "the only key does not retire")

	_, err = command(t, "keys", "rotate")
	require.ErrorContains(t, err, "FLUENTPRO_KEY_ENCRYPTION_KEY")
	t.Setenv("FLUENTPRO_KEY_ENCRYPTION_KEY", base64.StdEncoding.EncodeToString(make([]byte, 32)))
	_, err = command(t, "keys", "rotate")
	require.ErrorContains(t, err, "is not the key it was sealed with")
	t.Setenv("FLUENTPRO_KEY_ENCRYPTION_KEY", s.Config.KeyEncryptionKey.Reveal())
	out, err = command(t, "keys", "rotate")
	require.NoError(t, err)
	require.NotEqual(t, "-", words(t, out, first[0])[3], "it retires once the new one has taken over")
	require.Equal(t, 3, strings.Count(out, "\n"))

	out, err = command(t, "keys", "rotate", "--compromised")
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(out, "\n"), "only the newest is left")
	require.NotContains(t, out, first[0])
}

func TestTheKeyOfARunningDevIsFound(t *testing.T) {
	t.Setenv("FLUENTPRO_DATABASE_URL", "postgres://u:p@127.0.0.1:1/x")
	t.Setenv("FLUENTPRO_DATA_DIR", t.TempDir())
	_, err := command(t, "keys", "rotate")
	require.ErrorContains(t, err, "or start `fluentpro dev` first")
}
