package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/secret"
)

// settings are secrets within something else, which is printed without a thought for them.
type settings struct {
	Key    secret.Text
	At     secret.URL
	Many   map[string]secret.Text
	List   []secret.URL
	key    secret.Text
	at     secret.URL
	hidden map[string]secret.Text
}

func TestNothingThatIsPrintedShowsASecret(t *testing.T) {
	t.Parallel()
	key, at := secret.NewText("hunter2"), secret.NewURL("postgres://mei:hunter2@db/x?sslkey=hunter2#hunter2")
	many := map[string]secret.Text{"a": key}
	s := settings{key, at, many, []secret.URL{at}, key, at, many}
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
		slog.New(handler).Info("started", "settings", s, "key", key, "at", at, "error", fmt.Errorf("dial %s with %q", at, key))
	}
	marshalled, err := json.Marshal(s)
	require.NoError(t, err)
	for _, shown := range []string{
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v", s, s, &s), fmt.Sprintf("%s %q %x %d %#v", key, key, key, key, key),
		fmt.Sprintf("%s %q %x %v %#v", at, at, at, at, at), log.String(), string(marshalled),
	} {
		require.NotContains(t, shown, "hunter2")
		require.NotContains(t, shown, fmt.Sprintf("%x", "hunter2"))
	}
	require.Equal(t, "hunter2", s.key.Reveal())
	require.Contains(t, s.at.Reveal(), "hunter2")
	require.Equal(t, secret.Mask, key.String())
	require.Equal(t, `"`+secret.Mask+`"`, fmt.Sprintf("%q", key))
}

func TestWhatIsNoSecretOfAnAddressIsShown(t *testing.T) {
	t.Parallel()
	for address, shown := range map[string]string{
		"":                                "",
		"redis://cache:6379/0":            "redis://cache:6379/0",
		"postgres://mei:hunter2@db/x":     "postgres://mei:xxxxx@db/x",
		"redis://a:1?addr=b:2":            "redis://a:1?...",
		"backups":                         "backups",
		"postgres:hunter2":                secret.Mask,
		"postgres://u:hunter2@[::1/x":     secret.Mask,
		"host=db user=u password=hunter2": secret.Mask,
	} {
		require.Equal(t, shown, secret.NewURL(address).String())
	}
	require.Empty(t, secret.URL{}.String())
	require.Empty(t, secret.Text{}.String())
	require.True(t, secret.Text{}.Empty())
}

func TestASecretIsReadFromText(t *testing.T) {
	t.Parallel()
	var key secret.Text
	var at secret.URL
	require.NoError(t, key.UnmarshalText([]byte("hunter2")))
	require.NoError(t, at.UnmarshalText([]byte("redis://:hunter2@cache")))
	require.Equal(t, []string{"hunter2", "redis://:hunter2@cache"}, []string{key.Reveal(), at.Reveal()})
}
