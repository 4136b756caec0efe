// Package app puts the service together: it reads the configuration, wires the
// parts by hand from top to bottom, and starts and stops them in order. Nothing
// below it reads the environment, and only cmd imports it.
package app

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"strings"
	"time"

	"github.com/fluentpro/fluentpro/internal/platform/gate"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/secret"
)

// Environments.
const (
	Development = "development"
	Test        = "test"
	Staging     = "staging"
	Production  = "production"
)

// maxDimensions is the longest vector that a role may have: each takes four bytes a
// dimension in the memory of every node.
const maxDimensions = 4096

// Identity providers.
const (
	ProviderLocal = "local"
	ProviderAuth0 = "auth0"
)

// Config is every setting, by the variable of the environment that sets it; config_settings.go
// explains each, and docs/environment.md is made from both. What is secret has a type that is
// never shown.
type Config struct {
	Env      string     `env:"FLUENTPRO_ENV" envDefault:"development"`
	LogLevel slog.Level `env:"FLUENTPRO_LOG_LEVEL" envDefault:"info"`
	DataDir  string     `env:"FLUENTPRO_DATA_DIR" envDefault:".fluentpro"`

	HTTPAddr       string   `env:"FLUENTPRO_HTTP_ADDR" envDefault:"127.0.0.1:8080"`
	TLSCertFile    string   `env:"FLUENTPRO_TLS_CERT_FILE"`
	TLSKeyFile     string   `env:"FLUENTPRO_TLS_KEY_FILE"`
	AllowedOrigins []string `env:"FLUENTPRO_ALLOWED_ORIGINS"`
	TrustedProxies []string `env:"FLUENTPRO_TRUSTED_PROXIES"`

	DrainDelay time.Duration `env:"FLUENTPRO_DRAIN_DELAY"`
	DrainLimit time.Duration `env:"FLUENTPRO_DRAIN_LIMIT" envDefault:"20s"`

	ServeJobs bool           `env:"FLUENTPRO_SERVE_JOBS" envDefault:"true"`
	Queues    map[string]int `env:"FLUENTPRO_QUEUES"`

	DatabaseURL secret.URL `env:"FLUENTPRO_DATABASE_URL"`
	RedisURL    secret.URL `env:"FLUENTPRO_REDIS_URL"`

	ModelBaseURL string      `env:"FLUENTPRO_MODEL_BASE_URL"`
	ModelAPIKey  secret.Text `env:"FLUENTPRO_MODEL_API_KEY"`
	ModelName    string      `env:"FLUENTPRO_MODEL_NAME"`
	ModelPrices  []string    `env:"FLUENTPRO_MODEL_PRICES"`

	EmbeddingModel      string `env:"FLUENTPRO_EMBEDDING_MODEL" envDefault:"text-embedding-3-small"`
	EmbeddingDimensions int    `env:"FLUENTPRO_EMBEDDING_DIMENSIONS" envDefault:"256"`

	SMTPURL  secret.URL `env:"FLUENTPRO_SMTP_URL"`
	MailFrom string     `env:"FLUENTPRO_MAIL_FROM"`

	Monitor            bool        `env:"FLUENTPRO_MONITOR" envDefault:"true"`
	MetricsAddr        string      `env:"FLUENTPRO_METRICS_ADDR" envDefault:"127.0.0.1:9090"`
	AlertWebhookURL    secret.Text `env:"FLUENTPRO_ALERT_WEBHOOK_URL"`
	AlertWebhookSecret secret.Text `env:"FLUENTPRO_ALERT_WEBHOOK_SECRET"`
	AlertMails         []string    `env:"FLUENTPRO_ALERT_MAILS"`

	RateAuth     string `env:"FLUENTPRO_RATE_AUTH" envDefault:"30/1m"`
	RateAPI      string `env:"FLUENTPRO_RATE_API" envDefault:"600/1m"`
	RateMatching string `env:"FLUENTPRO_RATE_MATCHING" envDefault:"30/1m"`
	RateMessages string `env:"FLUENTPRO_RATE_MESSAGES" envDefault:"60/1m"`
	RateAdmin    string `env:"FLUENTPRO_RATE_ADMIN" envDefault:"60/1m"`
	RateRealtime string `env:"FLUENTPRO_RATE_REALTIME" envDefault:"20/1s"`

	TokensLearnerDay int64 `env:"FLUENTPRO_TOKENS_LEARNER_DAY" envDefault:"300000"`
	TokensServiceDay int64 `env:"FLUENTPRO_TOKENS_SERVICE_DAY" envDefault:"0"`

	AuthProvider      string      `env:"FLUENTPRO_AUTH_PROVIDER" envDefault:"local"`
	Auth0Domain       string      `env:"FLUENTPRO_AUTH0_DOMAIN"`
	Auth0ClientID     string      `env:"FLUENTPRO_AUTH0_CLIENT_ID"`
	Auth0ClientSecret secret.Text `env:"FLUENTPRO_AUTH0_CLIENT_SECRET"`
	Auth0Connection   string      `env:"FLUENTPRO_AUTH0_CONNECTION" envDefault:"Username-Password-Authentication"`
	Auth0Audience     string      `env:"FLUENTPRO_AUTH0_AUDIENCE"`

	BlobURL            secret.URL    `env:"FLUENTPRO_BLOB_URL"`
	BackupRecipient    string        `env:"FLUENTPRO_BACKUP_RECIPIENT"`
	BackupIdentityFile string        `env:"FLUENTPRO_BACKUP_IDENTITY_FILE"`
	BackupFullEvery    time.Duration `env:"FLUENTPRO_BACKUP_FULL_EVERY" envDefault:"168h"`
	BackupEvery        time.Duration `env:"FLUENTPRO_BACKUP_EVERY" envDefault:"24h"`
	BackupKeep         int           `env:"FLUENTPRO_BACKUP_KEEP" envDefault:"4"`
	BackupKeepFor      time.Duration `env:"FLUENTPRO_BACKUP_KEEP_FOR" envDefault:"840h"`

	TokenLifetime    time.Duration `env:"FLUENTPRO_TOKEN_LIFETIME" envDefault:"15m"`
	TokenIssuer      string        `env:"FLUENTPRO_TOKEN_ISSUER"`
	TokenAudience    string        `env:"FLUENTPRO_TOKEN_AUDIENCE" envDefault:"fluentpro"`
	KeyEncryptionKey secret.Text   `env:"FLUENTPRO_KEY_ENCRYPTION_KEY"`

	from   map[string]string // where each value that is set comes from, by variable
	unread Problems          // what could not be read
}

// limits are the rate limits by the names that the contract gives them.
func (c Config) limits() (map[string]gate.Limit, error) {
	out := map[string]gate.Limit{}
	for _, setting := range c.rates() {
		limit, err := gate.ParseLimit(setting.limit, setting.text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", setting.variable, err)
		}
		out[setting.limit] = limit
	}
	return out, nil
}

// rate is one limit's setting.
type rate struct{ variable, limit, text string }

func (c Config) rates() []rate {
	return []rate{
		{"FLUENTPRO_RATE_AUTH", "auth", c.RateAuth}, {"FLUENTPRO_RATE_API", "api", c.RateAPI},
		{"FLUENTPRO_RATE_MATCHING", "matching", c.RateMatching}, {"FLUENTPRO_RATE_MESSAGES", "messages", c.RateMessages},
		{"FLUENTPRO_RATE_ADMIN", "admin", c.RateAdmin}, {"FLUENTPRO_RATE_REALTIME", "realtime", c.RateRealtime},
	}
}

func (c Config) limitNames() []string {
	var names []string
	for _, setting := range c.rates() {
		names = append(names, setting.limit)
	}
	return names
}

func (c Config) limitErrors() map[string]error {
	errs := map[string]error{}
	for _, setting := range c.rates() {
		if _, err := gate.ParseLimit(setting.limit, setting.text); err != nil {
			errs[setting.variable] = err
		}
	}
	return errs
}

// auth0Missing names the settings of the tenant that lack.
func (c Config) auth0Missing() (missing []string) {
	if c.AuthProvider != ProviderAuth0 {
		return nil
	}
	for name, value := range map[string]string{
		"FLUENTPRO_AUTH0_DOMAIN": c.Auth0Domain, "FLUENTPRO_AUTH0_CLIENT_ID": c.Auth0ClientID, "FLUENTPRO_AUTH0_CLIENT_SECRET": c.Auth0ClientSecret.Reveal(),
		"FLUENTPRO_AUTH0_CONNECTION": c.Auth0Connection, "FLUENTPRO_AUTH0_AUDIENCE": c.Auth0Audience,
	} {
		if value == "" {
			missing = append(missing, name)
		}
	}
	return missing
}

// concurrency is how many jobs of each queue this node works on at once.
func (c Config) concurrency() (map[string]int, error) {
	of := maps.Clone(concurrency)
	for name, n := range c.Queues {
		if _, known := of[name]; !known {
			return nil, fmt.Errorf("names %q; the queues are %s", name, strings.Join(job.Queues(), ", "))
		}
		if n < 0 || n > maxConcurrency {
			return nil, fmt.Errorf("must give %s a number of jobs from 0 to %d", name, maxConcurrency)
		}
		of[name] = n
	}
	return of, nil
}

// masterKey is the 32 bytes from which every other key is derived.
func (c Config) masterKey() ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(c.KeyEncryptionKey.Reveal())
	if err != nil || len(key) != 32 {
		return nil, errors.New("must be 32 random bytes in base64 (openssl rand -base64 32)")
	}
	return key, nil
}

// derive makes a key for one purpose (HKDF, RFC 5869).
func (c Config) derive(purpose string) ([]byte, error) {
	master, err := c.masterKey()
	if err != nil {
		return nil, err
	}
	return hkdf.Key(sha256.New, master, nil, "fluentpro/"+purpose, 32)
}

// proxies are the networks whose X-Forwarded-For is believed.
func (c Config) proxies() ([]*net.IPNet, error) {
	var out []*net.IPNet
	for _, text := range c.TrustedProxies {
		_, network, err := net.ParseCIDR(strings.TrimSpace(text))
		if err != nil {
			return nil, errors.New("must be networks such as 10.0.0.0/8, separated by commas")
		}
		out = append(out, network)
	}
	return out, nil
}
