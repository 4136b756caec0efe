package app

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/mail"
)

// useProfile sets the defaults that differ by environment. A machine of a developer needs
// nothing set; elsewhere what others rely on must be said.
func (c *Config) useProfile() {
	if c.deployed() {
		return
	}
	// Nodes that listen on addresses of their own must not each be an issuer of
	// their own: they would refuse each other's tokens.
	c.byProfile("FLUENTPRO_TOKEN_ISSUER", &c.TokenIssuer, "http://"+c.HTTPAddr)
	c.byProfile("FLUENTPRO_MAIL_FROM", &c.MailFrom, "FluentPro <no-reply@localhost>") // elsewhere it would be taken for spam
}

func (c *Config) byProfile(name string, value *string, otherwise string) {
	if *value == "" {
		*value, c.from[name] = otherwise, FromProfile
	}
}

// deployed reports that others rely on this service.
func (c Config) deployed() bool { return c.Env == Staging || c.Env == Production }

// rule says what is wrong with a setting; "": nothing.
type rule struct {
	name  string
	wrong func(Config) string
}

// rules are what must hold of single settings, whatever the profile.
func rules() []rule {
	return []rule{
		{"FLUENTPRO_ENV", func(c Config) string { return oneOf(c.Env, Development, Test, Staging, Production) }},
		{"FLUENTPRO_DATABASE_URL", func(c Config) string { return urlOf(c.DatabaseURL.Reveal(), "postgres", "postgresql") }},
		{"FLUENTPRO_REDIS_URL", func(c Config) string { return urlOf(c.RedisURL.Reveal(), "redis", "rediss") }},
		{"FLUENTPRO_MODEL_BASE_URL", func(c Config) string { return urlOf(c.ModelBaseURL, "http", "https") }},
		{"FLUENTPRO_TOKEN_ISSUER", func(c Config) string { return urlOf(c.TokenIssuer, "http", "https") }},
		{"FLUENTPRO_MODEL_NAME", func(c Config) string { return unless(c.ModelName != "", "must name a model") }},
		{"FLUENTPRO_EMBEDDING_MODEL", func(c Config) string { return unless(c.EmbeddingModel != "", "must name a model") }},
		{"FLUENTPRO_EMBEDDING_DIMENSIONS", func(c Config) string {
			return unless(c.EmbeddingDimensions >= 0 && c.EmbeddingDimensions <= maxDimensions,
				fmt.Sprintf("must be 1 to %d, or 0 for as many as the model gives", maxDimensions))
		}},
		{"FLUENTPRO_MODEL_PRICES", func(c Config) string { _, err := c.prices(); return said(err) }},
		{"FLUENTPRO_SMTP_URL", func(c Config) string { _, err := mail.ParseURL(c.SMTPURL.Reveal()); return said(err) }},
		{"FLUENTPRO_MAIL_FROM", func(c Config) string { _, err := mail.ParseFrom(c.MailFrom); return said(err) }},
		{"FLUENTPRO_KEY_ENCRYPTION_KEY", func(c Config) string { _, err := c.masterKey(); return said(err) }},
		{"FLUENTPRO_TRUSTED_PROXIES", func(c Config) string { _, err := c.proxies(); return said(err) }},
		{"FLUENTPRO_ALLOWED_ORIGINS", func(c Config) string { return c.originsWrong() }},
		{"FLUENTPRO_TOKENS_LEARNER_DAY", func(c Config) string { return unless(c.TokensLearnerDay >= 0, wrongTokens) }},
		{"FLUENTPRO_TOKENS_SERVICE_DAY", func(c Config) string { return unless(c.TokensServiceDay >= 0, wrongTokens) }},
		{"FLUENTPRO_TOKEN_LIFETIME", func(c Config) string {
			return unless(c.TokenLifetime >= time.Minute && c.TokenLifetime <= account.MaxAccessLifetime, "must be 1m to "+account.MaxAccessLifetime.String())
		}},
		{"FLUENTPRO_AUTH_PROVIDER", func(c Config) string { return oneOf(c.AuthProvider, ProviderLocal, ProviderAuth0) }},
		{"FLUENTPRO_TLS_CERT_FILE", func(c Config) string {
			return unless((c.TLSCertFile == "") == (c.TLSKeyFile == ""), "and FLUENTPRO_TLS_KEY_FILE go together")
		}},
		{"FLUENTPRO_DRAIN_DELAY", func(c Config) string { return unless(c.DrainDelay >= 0, "must not be below zero") }},
		{"FLUENTPRO_DRAIN_LIMIT", func(c Config) string { return unless(c.DrainLimit > 0, "must be above zero") }},
		{"FLUENTPRO_QUEUES", func(c Config) string { _, err := c.concurrency(); return said(err) }},
	}
}

// deployedRules are what must hold besides where others rely on the service.
func deployedRules() []rule {
	return []rule{
		{"FLUENTPRO_TOKEN_ISSUER", func(c Config) string {
			return unless(strings.HasPrefix(c.TokenIssuer, "https://"), "must begin with https://: who reads tokens fetches our keys from there")
		}},
		{"FLUENTPRO_KEY_ENCRYPTION_KEY", func(c Config) string {
			key, _ := c.masterKey() // the other rule says so
			return unless(len(key) == 0 || distinct(key) >= leastDistinct, "must be random: this one can be guessed")
		}},
		{"FLUENTPRO_ALLOWED_ORIGINS", func(c Config) string {
			plain := slices.ContainsFunc(c.AllowedOrigins, func(o string) bool { return strings.HasPrefix(strings.TrimSpace(o), "http://") })
			return unless(!plain, "must begin with https:// each: whoever is between could speak for a page that is not")
		}},
		{"FLUENTPRO_BLOB_URL", func(c Config) string {
			return unless(c.BackupRecipient == "" || !c.BlobURL.Empty(), "must say where backups lie: in the data folder they are lost with the machine")
		}},
		{"FLUENTPRO_TRUSTED_PROXIES", func(c Config) string {
			networks, _ := c.proxies() // the other rule says so
			all := slices.ContainsFunc(networks, func(n *net.IPNet) bool { ones, _ := n.Mask.Size(); return ones == 0 })
			return unless(!all, "must not be everybody: who may say where a request comes from gets past every limit")
		}},
		{"FLUENTPRO_SMTP_URL", func(c Config) string {
			u, err := url.Parse(c.SMTPURL.Reveal())
			open := err == nil && u.Query().Has("starttls") && !loopback(u.Hostname())
			return unless(!open, "must not allow a connection without TLS to another machine: mails hold codes")
		}},
		{"FLUENTPRO_LOG_LEVEL", func(c Config) string {
			return unless(c.Env != Production || c.LogLevel >= slog.LevelInfo, "must not be debug in production")
		}},
	}
}

const wrongTokens = "must be a number of tokens, or 0 for no limit"

// leastDistinct is how many different bytes a key of 32 has at least that nobody chose: by
// chance fewer come once in 10^13 keys.
const leastDistinct = 16

func distinct(key []byte) int {
	sorted := slices.Sorted(slices.Values(key))
	return len(slices.Compact(sorted))
}

// Check names everything that is missing or wrong, each with its variable, what is wrong, and
// an example of what would be right. The error is Problems. What FromEnvironment could not read
// is told too.
func (c Config) Check() error {
	all := slices.Clone(c.unread)
	wrong := func(name, why string) {
		if why != "" {
			all = append(all, Problem{Name: name, Wrong: why})
		}
	}
	must := rules()
	if c.deployed() {
		must = append(must, deployedRules()...)
	}
	for _, r := range must {
		wrong(r.name, r.wrong(c))
	}
	for name, err := range c.limitErrors() {
		wrong(name, err.Error())
	}
	for name, err := range c.alertErrors() {
		wrong(name, said(err))
	}
	for _, missing := range c.auth0Missing() {
		wrong(missing, "must be set with FLUENTPRO_AUTH_PROVIDER=auth0")
	}
	for name, why := range c.backupWrong() {
		wrong(name, why)
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("configuration: %w", all.sorted())
}

func unless(right bool, why string) string {
	if right {
		return ""
	}
	return why
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func oneOf(value string, known ...string) string {
	return unless(slices.Contains(known, value), "must be "+strings.Join(known[:len(known)-1], ", ")+" or "+known[len(known)-1])
}

func urlOf(value string, schemes ...string) string {
	parsed, err := url.Parse(value)
	return unless(err == nil && slices.Contains(schemes, parsed.Scheme), "must be a URL that begins with "+strings.Join(schemes, ":// or ")+"://")
}

// originsWrong refuses what is no origin of RFC 6454, a wildcard first of all.
func (c Config) originsWrong() string {
	for _, text := range c.AllowedOrigins {
		o, err := url.Parse(strings.TrimSpace(text))
		if err != nil || o.Scheme != "https" && o.Scheme != "http" || o.Host == "" || o.Scheme+"://"+o.Host != o.String() || strings.Contains(text, "*") {
			return "must name each origin, its scheme, host and port if any; a wildcard or a path is refused"
		}
	}
	return ""
}
