package app_test

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/app"
)

var update = flag.Bool("update", false, "write what is made from the settings")

func TestDocumentationIsMadeFromTheSettings(t *testing.T) {
	t.Parallel()
	const page = "../../docs/environment.md"
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(app.Documentation()), 0o600))
	}
	have, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, app.Documentation(), string(have), "go test ./internal/app -run Documentation -update")
}

func TestEverySettingIsDescribedAndHasAnExampleThatIsRight(t *testing.T) {
	t.Parallel()
	described := app.AboutSettings()
	typ := reflect.TypeFor[app.Config]()
	for i := range typ.NumField() {
		name := typ.Field(i).Tag.Get("env")
		if name == "" {
			continue
		}
		require.Contains(t, described, name)
		example := described[name]
		require.NotEmpty(t, example.About, name)
		require.NotEmpty(t, example.Example, name)
		delete(described, name)
		if strings.Contains(example.Example, "...") || strings.Contains(example.Example, "$(") || strings.HasSuffix(name, "_FILE") {
			continue // nobody's secret
		}
		_, err := app.FromEnvironment(whole(map[string]string{name: example.Example}))
		require.NoError(t, err, name)
	}
	require.Empty(t, described, "no setting is described that is not there")
}

// file writes a file for one test.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestAFileSaysWhatTheEnvironmentDoesNot(t *testing.T) {
	t.Parallel()
	path := file(t, "# of this machine\n\nFLUENTPRO_MODEL_NAME=from-the-file\nFLUENTPRO_LOG_LEVEL=debug\r\nFLUENTPRO_MODEL_API_KEY=pa$WORD#\"x' y\n")
	cfg, err := app.FromEnvironment(whole(map[string]string{"FLUENTPRO_CONFIG_FILE": path, "FLUENTPRO_LOG_LEVEL": "warn"}))
	require.NoError(t, err)
	require.Equal(t, "m", cfg.ModelName, "the environment wins")
	require.Equal(t, "WARN", cfg.LogLevel.String())
	require.Equal(t, "pa$WORD#\"x' y", cfg.ModelAPIKey.Reveal(), "nothing is expanded or unquoted")
	from := map[string]string{}
	for _, s := range cfg.Settings() {
		from[s.Name] = s.From + " " + s.Value
		require.NotContains(t, s.Value, "WORD#")
	}
	require.Equal(t, "file ********", from["FLUENTPRO_MODEL_API_KEY"])
	require.Equal(t, "environment warn", from["FLUENTPRO_LOG_LEVEL"])
	require.Equal(t, "default 20s", from["FLUENTPRO_DRAIN_LIMIT"])
	require.Equal(t, "profile http://127.0.0.1:8080", from["FLUENTPRO_TOKEN_ISSUER"])
	require.Equal(t, "environment postgres://u:xxxxx@db/x", from["FLUENTPRO_DATABASE_URL"])
}

func TestWhatIsNoFileOfSettingsIsRefusedWithoutSayingWhatIsInIt(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"FLUENTPRO_ENV=test\nhunter2==\n": "its line 2 is none",
		"hunter2":                         "its line 1 is none",
		"PATH=/hunter2":                   "PATH is in line 1",
		"FLUENTPRO_CONFIG_FILE=hunter2":   "FLUENTPRO_CONFIG_FILE is in line 1",
		"FLUENTPRO_ENVIRON=hunter2":       "FLUENTPRO_ENVIRON is no setting; the nearest is FLUENTPRO_ENV",
		strings.Repeat("#"+strings.Repeat("x", 99)+"\n", 1000): "larger than",
	} {
		_, err := app.FromEnvironment(whole(map[string]string{"FLUENTPRO_CONFIG_FILE": file(t, text)}))
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "hunter2")
	}
	_, err := app.FromEnvironment(whole(map[string]string{"FLUENTPRO_CONFIG_FILE": filepath.Join(t.TempDir(), "none")}))
	require.ErrorContains(t, err, "FLUENTPRO_CONFIG_FILE must name a file that can be read: no such file")
	require.ErrorContains(t, err, "for example FLUENTPRO_CONFIG_FILE=/etc/fluentpro/settings")
}

func TestASecretMayLieInAFile(t *testing.T) {
	t.Parallel()
	cfg, err := app.FromEnvironment(whole(map[string]string{"FLUENTPRO_MODEL_API_KEY_FILE": file(t, "sk-hunter2\n")}))
	require.NoError(t, err)
	require.Equal(t, "sk-hunter2", cfg.ModelAPIKey.Reveal())
	for change, says := range map[string]string{
		"FLUENTPRO_MODEL_API_KEY_FILE=sk-hunter2":           "FLUENTPRO_MODEL_API_KEY_FILE must name a file that can be read: no such file",
		"FLUENTPRO_DATABASE_URL_FILE=" + file(t, "hunter2"): "FLUENTPRO_DATABASE_URL_FILE and FLUENTPRO_DATABASE_URL are both set",
		"FLUENTPRO_MODEL_NAME_FILE=" + file(t, "hunter2"):   "FLUENTPRO_MODEL_NAME_FILE is no setting",
	} {
		name, value, _ := strings.Cut(change, "=")
		_, err := app.FromEnvironment(whole(map[string]string{name: value}))
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestAVariableThatNobodyReadsIsNamed(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{
		"FLUENTPRO_MODEL_NAMES":             "FLUENTPRO_MODEL_NAMES is no setting; the nearest is FLUENTPRO_MODEL_NAME",
		"FLUENTPRO_HTTP_PORT":               "FLUENTPRO_HTTP_PORT is no setting",
		"FLUENTPRO_QQQQQQQQQQQQQQQQQQQQQQQ": "FLUENTPRO_QQQQQQQQQQQQQQQQQQQQQQQ is no setting",
	} {
		_, err := app.FromEnvironment(whole(map[string]string{name: "8080"}))
		require.ErrorContains(t, err, says)
	}
	_, err := app.FromEnvironment(whole(map[string]string{
		"FLUENTPRO_URL": "http://127.0.0.1:8080", "FLUENTPRO_TEST_REDIS": "cluster", "FLUENTPRO_SERVICE_HOST": "10.0.0.1", "FLUENTPRO_API_SERVICE_PORT_HTTP": "80",
		"FLUENTPRO_PORT": "tcp://10.0.0.1:80", "FLUENTPRO_PORT_80_TCP": "tcp://10.0.0.1:80", "FLUENTPRO_PORT_80_TCP_ADDR": "10.0.0.1", "PATH": "/bin",
	}))
	require.NoError(t, err, "others may use the prefix")
}

func TestEverythingThatIsWrongIsToldAtOnceWithAnExample(t *testing.T) {
	t.Parallel()
	cfg, err := app.FromEnvironment([]string{"FLUENTPRO_DRAIN_LIMIT=soon", "FLUENTPRO_ENV=moon", "FLUENTPRO_SERVE_JOBS=perhaps", "FLUENTPRO_RATES=1"})
	require.Error(t, err)
	err = cfg.Check()
	for _, line := range []string{
		"FLUENTPRO_DRAIN_LIMIT must be a duration such as 90s or 1h30m, for example FLUENTPRO_DRAIN_LIMIT=20s\n",
		"FLUENTPRO_ENV must be development, test, staging or production, for example FLUENTPRO_ENV=production\n",
		"FLUENTPRO_SERVE_JOBS must be true or false, for example FLUENTPRO_SERVE_JOBS=false\n",
		"FLUENTPRO_RATES is no setting", "FLUENTPRO_DATABASE_URL must be a URL", "FLUENTPRO_MODEL_NAME must name a model",
	} {
		require.ErrorContains(t, err, line)
	}
	require.Equal(t, 1, strings.Count(err.Error(), "FLUENTPRO_DRAIN_LIMIT must"), "once each")
}

// deployed is an environment in which others may rely on the service.
func deployed(change map[string]string) []string {
	all := map[string]string{
		"FLUENTPRO_ENV": "production", "FLUENTPRO_TOKEN_ISSUER": "https://api.example.com", "FLUENTPRO_MAIL_FROM": "FluentPro <no-reply@example.com>",
		"FLUENTPRO_KEY_ENCRYPTION_KEY": "3q2+7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs=",
	}
	for name, value := range change {
		all[name] = value
	}
	return whole(all)
}

func TestWhatMayBeOnADevelopersMachineIsRefusedInProduction(t *testing.T) {
	t.Parallel()
	cfg, err := app.FromEnvironment(deployed(nil))
	require.NoError(t, err)
	require.NoError(t, cfg.Check())
	age := "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
	for change, says := range map[string]string{
		"FLUENTPRO_TOKEN_ISSUER=http://api.example.com":                             "must begin with https://",
		"FLUENTPRO_KEY_ENCRYPTION_KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=": "can be guessed",
		"FLUENTPRO_ALLOWED_ORIGINS=http://localhost:3000":                           "must begin with https://",
		"FLUENTPRO_LOG_LEVEL=debug":                                                 "must not be debug in production",
		"FLUENTPRO_BACKUP_RECIPIENT=" + age:                                         "FLUENTPRO_BLOB_URL must say where backups lie",
		"FLUENTPRO_TRUSTED_PROXIES=10.0.0.0/8,0.0.0.0/0":                            "must not be everybody",
		"FLUENTPRO_SMTP_URL=smtp://mail.example.com:25?starttls=off":                "without TLS",
		"FLUENTPRO_MAIL_FROM=":                                                      "FLUENTPRO_MAIL_FROM",
	} {
		name, value, _ := strings.Cut(change, "=")
		for _, profile := range []string{"staging", "production"} {
			cfg, err := app.FromEnvironment(deployed(map[string]string{name: value, "FLUENTPRO_ENV": profile}))
			require.NoError(t, err)
			if err = cfg.Check(); profile == "staging" && name == "FLUENTPRO_LOG_LEVEL" {
				require.NoError(t, err)
				continue
			}
			require.ErrorContains(t, err, says, "%s in %s", change, profile)
		}
		if name == "FLUENTPRO_MAIL_FROM" {
			continue
		}
		cfg, err := app.FromEnvironment(whole(map[string]string{name: value}))
		require.NoError(t, err)
		require.NoError(t, cfg.Check(), "%s is a developer's business", change)
	}
	for _, origin := range []string{"*", "https://*.example.com", "https://example.com/", "example.com", "ftp://example.com"} {
		cfg, err := app.FromEnvironment(whole(map[string]string{"FLUENTPRO_ALLOWED_ORIGINS": "https://a.example.com," + origin}))
		require.NoError(t, err)
		require.ErrorContains(t, cfg.Check(), "FLUENTPRO_ALLOWED_ORIGINS must name each origin", origin)
	}
}
