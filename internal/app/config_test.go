package app_test

import (
	"encoding/base64"
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

// whole is an environment in which everything is right.
func whole(change map[string]string) []string {
	values := map[string]string{
		"FLUENTPRO_DATABASE_URL": "postgres://u:p@db/x", "FLUENTPRO_REDIS_URL": "redis://cache",
		"FLUENTPRO_MODEL_BASE_URL": "https://model/v1", "FLUENTPRO_MODEL_NAME": "m",
		"FLUENTPRO_SMTP_URL":           "smtps://u:p@mail",
		"FLUENTPRO_KEY_ENCRYPTION_KEY": base64.StdEncoding.EncodeToString(make([]byte, 32)),
	}
	for name, value := range change {
		values[name] = value
	}
	var environ []string
	for name, value := range values {
		environ = append(environ, name+"="+value)
	}
	return environ
}

func TestDefaultsAreThoseOfTheDocs(t *testing.T) {
	t.Parallel()
	cfg, err := app.FromEnvironment(whole(nil))
	require.NoError(t, err)
	require.NoError(t, cfg.Check())
	require.Equal(t, "127.0.0.1:8080", cfg.HTTPAddr)
	require.Equal(t, "http://127.0.0.1:8080", cfg.TokenIssuer)
	require.Equal(t, "fluentpro", cfg.TokenAudience)
	require.Equal(t, "FluentPro <no-reply@localhost>", cfg.MailFrom)
	require.Equal(t, ".fluentpro", cfg.DataDir)
	require.True(t, cfg.ServeJobs)
	require.Empty(t, cfg.Queues)
	require.Equal(t, []string{"30/1m", "600/1m", "30/1m", "60/1m", "60/1m"},
		[]string{cfg.RateAuth, cfg.RateAPI, cfg.RateMatching, cfg.RateMessages, cfg.RateAdmin})
	require.Equal(t, []int64{300_000, 0}, []int64{cfg.TokensLearnerDay, cfg.TokensServiceDay})
	require.Equal(t, app.ProviderLocal, cfg.AuthProvider)
	require.Equal(t, 15*time.Minute, cfg.TokenLifetime)
}

func TestATenantNeedsAllOfItsSettings(t *testing.T) {
	t.Parallel()
	set := map[string]string{"FLUENTPRO_AUTH_PROVIDER": "auth0", "FLUENTPRO_AUTH0_CONNECTION": ""}
	cfg, err := app.FromEnvironment(whole(set))
	require.NoError(t, err)
	for _, name := range []string{"DOMAIN", "CLIENT_ID", "CLIENT_SECRET", "AUDIENCE"} {
		require.ErrorContains(t, cfg.Check(), "FLUENTPRO_AUTH0_"+name+" must be set")
		set["FLUENTPRO_AUTH0_"+name] = "x"
	}
	delete(set, "FLUENTPRO_AUTH0_CONNECTION")
	cfg, err = app.FromEnvironment(whole(set))
	require.NoError(t, err)
	require.NoError(t, cfg.Check())
}

func TestQueuesAreSetByName(t *testing.T) {
	t.Parallel()
	cfg, err := app.FromEnvironment(whole(map[string]string{"FLUENTPRO_QUEUES": "auth:0,conversation:200", "FLUENTPRO_SERVE_JOBS": "false"}))
	require.NoError(t, err)
	require.NoError(t, cfg.Check())
	require.False(t, cfg.ServeJobs)
	require.Equal(t, map[string]int{"auth": 0, "conversation": 200, "onboarding": 10, "maintenance": 4}, app.Concurrency(cfg))

	for value, says := range map[string]string{
		"auth:1,mail:2": `FLUENTPRO_QUEUES names "mail"; the queues are auth, conversation, maintenance, onboarding`,
		"auth:-1":       "FLUENTPRO_QUEUES must give auth a number of jobs from 0 to 10000", "auth:10001": "FLUENTPRO_QUEUES must give auth",
	} {
		cfg, err := app.FromEnvironment(whole(map[string]string{"FLUENTPRO_QUEUES": value}))
		require.NoError(t, err)
		require.ErrorContains(t, cfg.Check(), says)
	}
	for _, value := range []string{"auth", "auth:many"} {
		_, err := app.FromEnvironment(whole(map[string]string{"FLUENTPRO_QUEUES": value}))
		require.ErrorContains(t, err, "FLUENTPRO_QUEUES", value)
	}
	cfg, err = app.FromEnvironment(whole(map[string]string{"FLUENTPRO_QUEUES": "auth:0,conversation:0,onboarding:0,maintenance:0"}))
	require.NoError(t, err)
	require.ErrorContains(t, app.Work(t.Context(), cfg, slog.New(slog.DiscardHandler), nil), "FLUENTPRO_QUEUES leaves a worker nothing to do")
}

func TestEachWrongSettingIsNamed(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"FLUENTPRO_ENV": "moon", "FLUENTPRO_DATABASE_URL": "", "FLUENTPRO_REDIS_URL": "cache:6379%",
		"FLUENTPRO_MODEL_BASE_URL": "model", "FLUENTPRO_MODEL_NAME": "", "FLUENTPRO_KEY_ENCRYPTION_KEY": "short",
		"FLUENTPRO_SMTP_URL": "smtp://u:hunter2@mail?starttls=off", "FLUENTPRO_MAIL_FROM": "nobody",
		"FLUENTPRO_TRUSTED_PROXIES": "10.0.0.0", "FLUENTPRO_TLS_CERT_FILE": "cert.pem", "FLUENTPRO_DRAIN_LIMIT": "0s",
		"FLUENTPRO_RATE_AUTH": "30", "FLUENTPRO_RATE_API": "0/1m", "FLUENTPRO_RATE_MATCHING": "1/1ms", "FLUENTPRO_RATE_MESSAGES": "x/1m",
		"FLUENTPRO_RATE_ADMIN": "-1/1m", "FLUENTPRO_TOKENS_LEARNER_DAY": "-1", "FLUENTPRO_TOKENS_SERVICE_DAY": "-300000", "FLUENTPRO_AUTH_PROVIDER": "okta", "FLUENTPRO_TOKEN_LIFETIME": "2h",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := app.FromEnvironment(whole(map[string]string{name: value}))
			require.NoError(t, err)
			require.ErrorContains(t, cfg.Check(), name)
		})
	}
	for name, value := range map[string]string{"FLUENTPRO_LOG_LEVEL": "loud", "FLUENTPRO_TOKENS_LEARNER_DAY": "many"} {
		_, err := app.FromEnvironment(whole(map[string]string{name: value}))
		require.ErrorContains(t, err, name)
	}
}

func TestAServiceThatCannotStartSaysWhyWithoutSecrets(t *testing.T) {
	t.Parallel()
	for _, change := range []map[string]string{
		{"FLUENTPRO_DATABASE_URL": "postgres://u:hunter2@127.0.0.1:1/x"},
		{"FLUENTPRO_DATABASE_URL": "nonsense:hunter2@"},
		{"FLUENTPRO_REDIS_URL": "rediss:hunter2@x:y"},
	} {
		cfg, err := app.FromEnvironment(whole(change))
		require.NoError(t, err)
		_, err = app.New(t.Context(), cfg, slog.New(slog.DiscardHandler), app.Options{})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2")
		_, err = app.OpenDesk(t.Context(), cfg, slog.New(slog.DiscardHandler))
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2")
		require.Error(t, app.Work(t.Context(), cfg, slog.New(slog.DiscardHandler), nil))
		require.Error(t, app.Migrate(t.Context(), cfg.DatabaseURL.Reveal(), slog.New(slog.DiscardHandler)))
	}
}

func TestAlertsNeedAWholeAndSafeAddress(t *testing.T) {
	t.Parallel()
	secret := "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))
	right := map[string]string{
		"FLUENTPRO_ALERT_WEBHOOK_URL": "https://example.com/hook", "FLUENTPRO_ALERT_WEBHOOK_SECRET": secret, "FLUENTPRO_ALERT_MAILS": "a@example.com,b@example.com",
	}
	cfg, err := app.FromEnvironment(whole(right))
	require.NoError(t, err)
	require.NoError(t, cfg.Check())
	require.True(t, cfg.Monitor)
	require.Equal(t, []string{"a@example.com", "b@example.com"}, cfg.AlertMails)
	for name, values := range map[string][]string{
		"FLUENTPRO_ALERT_WEBHOOK_URL":    {"ftp://example.com", "https://169.254.169.254/", ""},
		"FLUENTPRO_ALERT_WEBHOOK_SECRET": {"whsec_hunter2", ""},
		"FLUENTPRO_ALERT_MAILS":          {"nobody", "Ops <ops@example.com>"},
		"FLUENTPRO_METRICS_ADDR":         {"9090"},
	} {
		for _, value := range values {
			set := maps.Clone(right)
			set[name] = value
			cfg, err := app.FromEnvironment(whole(set))
			require.NoError(t, err)
			err = cfg.Check()
			require.ErrorContains(t, err, "FLUENTPRO_", "%s=%s", name, value)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), secret[6:])
		}
	}
	set := maps.Clone(right)
	set["FLUENTPRO_ENV"], set["FLUENTPRO_ALERT_WEBHOOK_URL"] = "production", "http://example.com/hook"
	cfg, err = app.FromEnvironment(whole(set))
	require.NoError(t, err)
	require.ErrorContains(t, cfg.Check(), "FLUENTPRO_ALERT_WEBHOOK_URL must begin with https://")
}

func TestPricesOfModelsAreDollarsForAMillionTokens(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"m", "m=1", "=1/2", "m=1/", "m=a/b", "m=-1/2", "m=1/NaN", "m=1/Inf", "m=1/2,,"} {
		cfg, err := app.FromEnvironment(whole(map[string]string{"FLUENTPRO_MODEL_PRICES": wrong}))
		require.NoError(t, err)
		require.ErrorContains(t, cfg.Check(), "FLUENTPRO_MODEL_PRICES must be prices such as gpt-4o=2.5/10", wrong)
	}
	cfg, err := app.FromEnvironment(whole(map[string]string{"FLUENTPRO_MODEL_PRICES": "gpt-4o=2.5/10, text-embedding-3-small=0.02/0"}))
	require.NoError(t, err)
	require.NoError(t, cfg.Check())
	prices, err := app.Prices(cfg)
	require.NoError(t, err)
	require.Equal(t, map[string]*llm.Price{"gpt-4o": {In: 2.5, Out: 10}, "text-embedding-3-small": {In: 0.02}}, prices)
}
