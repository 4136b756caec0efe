package apitest

import (
	"bytes"
	"encoding/base64"
	"time"

	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/secret"
	"github.com/fluentpro/fluentpro/internal/task"
)

// KeyEncryptionKey seals the signing key in a Database.
var KeyEncryptionKey = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))

// Option changes a Server before it starts.
type Option func(*setting)

type setting struct {
	changes []func(*app.Config)
	model   partner.Config
	share   *Server
	clock   *Clock
	tenant  bool

	connectWait, pingEvery, presenceBeat, monitorTick time.Duration

	tasks func(*task.Service, *job.Registry)
}

// WithConfig changes the configuration, after all other options have.
func WithConfig(change func(*app.Config)) Option {
	return func(s *setting) { s.changes = append(s.changes, change) }
}

// WithPace makes the model slower than at once.
func WithPace(c partner.Config) Option { return func(s *setting) { s.model = c } }

// WithTasks adds kinds of tasks that the service itself does not have.
func WithTasks(register func(*task.Service, *job.Registry)) Option {
	return func(s *setting) { s.tasks = register }
}

// WithConnectWait changes how long a WebSocket waits to be told who it is.
func WithConnectWait(d time.Duration) Option {
	return func(s *setting) { s.connectWait = d }
}

// WithPingEvery changes how often a WebSocket is pinged.
func WithPingEvery(d time.Duration) Option { return func(s *setting) { s.pingEvery = d } }

// WithPresenceBeat changes how often a node says that it, and who is connected to it, is there.
func WithPresenceBeat(d time.Duration) Option { return func(s *setting) { s.presenceBeat = d } }

// WithMonitor lets the monitor look at what is due so often; without it, it does not look.
func WithMonitor(tick time.Duration) Option {
	return func(s *setting) {
		s.monitorTick = tick
		s.changes = append(s.changes, func(c *app.Config) { c.Monitor = true })
	}
}

// WithTenant lets a tenant of Auth0 keep the passwords: Server.Tenant.
func WithTenant() Option { return func(s *setting) { s.tenant = true } }

// WithClock gives the service a clock that the test has already.
func WithClock(c *Clock) Option { return func(s *setting) { s.clock = c } }

// Beside starts another node on the database, Redis, model, mail catcher and tenant of
// first, with the configuration and the clock of first unless other options say otherwise.
func Beside(first *Server) Option { return func(s *setting) { s.share = first } }

// defaults is the configuration of a Server, but for what it is connected to. Rate
// limits are off: all tests ask from one address.
func defaults() app.Config {
	return app.Config{
		Env: app.Test, DrainLimit: stopLimit, HTTPAddr: "127.0.0.1:0", TokenAudience: "fluentpro",
		RateAuth: "0", RateAPI: "0", RateMatching: "0", RateMessages: "0", RateAdmin: "0", RateRealtime: "0", AuthProvider: app.ProviderLocal,
		TokenLifetime: 15 * time.Minute, TokenIssuer: "http://fluentpro.test", MailFrom: "FluentPro <no-reply@fluentpro.test>",
		KeyEncryptionKey: secret.NewText(KeyEncryptionKey),
	}
}
