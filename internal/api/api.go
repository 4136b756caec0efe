// Package api is the doors of the service: it builds the HTTP handler from the
// contract, the middleware and the versions. Everything that speaks HTTP lives
// below it; echo is known nowhere else.
package api

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/fluentpro/fluentpro/docs"
	contracts "github.com/fluentpro/fluentpro/gen/openapi"
	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/activity"
	apidocs "github.com/fluentpro/fluentpro/internal/api/docs"
	"github.com/fluentpro/fluentpro/internal/api/realtime"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/audit"
	"github.com/fluentpro/fluentpro/internal/backup"
	"github.com/fluentpro/fluentpro/internal/budget"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/learning"
	"github.com/fluentpro/fluentpro/internal/monitor"
	"github.com/fluentpro/fluentpro/internal/onboarding"
	"github.com/fluentpro/fluentpro/internal/platform/cursor"
	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/gate"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
	"github.com/fluentpro/fluentpro/internal/platform/ticket"
	"github.com/fluentpro/fluentpro/internal/replay"
	"github.com/fluentpro/fluentpro/internal/task"
	"github.com/fluentpro/fluentpro/internal/usage"
)

// permissions says which roles have each x-permission of the contracts.
var permissions = map[string][]string{
	"practise":   {account.RoleUser, account.RoleAdmin},
	"inspect":    {account.RoleModerator, account.RoleAdmin},
	"administer": {account.RoleAdmin},
}

// May says whether one of a user's roles has a permission.
func May(permission string, roles []string) bool {
	return slices.ContainsFunc(permissions[permission], func(role string) bool { return slices.Contains(roles, role) })
}

// Deps are what the doors lead to.
type Deps struct {
	Accounts       *account.Service
	Activity       *activity.Service
	Gate           *gate.Gate
	Limits         map[string]gate.Limit // by the names that the contracts give them
	Catalogue      *catalogue.Service
	Conversations  *conversation.Service
	Audit          *audit.Service
	Queues         *job.Queue
	DeadLetters    *deadletter.Box
	Tasks          *task.Service
	Replays        *replay.Service
	Onboarding     *onboarding.Service
	Learning       *learning.Service
	Usage          *usage.Service
	Budgets        *budget.Service
	Backups        *backup.Service
	Sockets        *realtime.Server
	Streams        *sse.Streams
	Tickets        *ticket.Tickets
	Cursors        *cursor.Sealer
	Monitor        *monitor.Service
	Probes         []Probe
	Metrics        *web.Metrics             // that count requests; nil: nobody does
	Probed         func() map[string]string // what the monitor knows, by probe; nil: nothing
	NotReady       <-chan struct{}          // closed when /readyz must fail, so that balancers go elsewhere
	Draining       context.Context          // ends when streams must
	Logger         *slog.Logger
	AllowedOrigins []string
	TrustedProxies []*net.IPNet
	TLS            bool
	Now            func() time.Time
}

// New builds the handler. It fails when a contract asks for what is not there,
// such as an unknown permission or a successor that does not exist.
func New(d Deps) (http.Handler, error) {
	read, err := documents()
	if err != nil {
		return nil, err
	}
	forms := map[string]web.ErrorForm{}
	for _, v := range versions {
		if v.errors != nil {
			forms[strings.TrimPrefix(v.name, "v")] = v.errors
		}
	}
	e := echo.New()
	web.Stack(e, web.StackConfig{
		Logger: d.Logger, AllowedOrigins: d.AllowedOrigins, TrustedProxies: d.TrustedProxies, TLS: d.TLS, ErrorForms: forms, Metrics: d.Metrics,
	})
	for _, v := range versions {
		guards, err := read[v.name].Guards(guardConfig(d, v, read))
		if err != nil {
			return nil, fmt.Errorf("contract %s: %w", v.name, err)
		}
		if err := v.mount(e, d, read[v.name], guards); err != nil {
			return nil, fmt.Errorf("contract %s: %w", v.name, err)
		}
	}
	mountHealth(e, d)
	e.GET("/.well-known/jwks.json", jwks(d.Accounts))
	e.GET("/.well-known/openid-configuration", discovery(d.Accounts))
	developers, err := pages()
	if err != nil {
		return nil, err
	}
	developers.Mount(e)
	return e, nil
}

// pages are what developers read, made once for all handlers of a process.
var pages = sync.OnceValues(func() (*apidocs.Pages, error) {
	cfg := apidocs.Config{
		Contracts: map[string][]byte{}, Problems: docs.Problems, Guides: map[string][]byte{},
	}
	var err error
	if cfg.Realtime, err = contracts.FS.ReadFile("realtime.yaml"); err != nil {
		return nil, err
	}
	for _, v := range versions {
		cfg.Guides[v.guide.name] = v.guide.text
		text, err := v.text()
		if err != nil {
			return nil, err
		}
		cfg.Contracts[v.name] = text
	}
	return apidocs.New(cfg)
})

// describe puts an error in mid-export into the words of the problem it amounts to.
func describe(err error) (code, detail string) {
	p := web.Describe(err)
	return p.Code, p.Detail
}

// authenticate proves an access token through the accounts.
func authenticate(accounts *account.Service) func(context.Context, string, gate.Limit) (web.Identity, gate.Pass, error) {
	return func(ctx context.Context, token string, limit gate.Limit) (web.Identity, gate.Pass, error) {
		c := web.ClientFrom(ctx)
		p, pass, err := accounts.Authenticate(ctx, account.AuthenticateInput{
			Token: token, Limit: limit, Client: account.Client{Address: c.Address, UserAgent: c.UserAgent},
		})
		return web.Identity{UserID: p.UserID, SessionID: p.SessionID, Roles: p.Roles, ExpiresAt: p.ExpiresAt}, pass, err
	}
}

// denied tells of what a user's roles do not permit.
func denied(accounts *account.Service) func(context.Context, web.Identity, string) {
	return func(ctx context.Context, who web.Identity, operation string) {
		c := web.ClientFrom(ctx)
		accounts.Denied(ctx, who.UserID, operation, account.Client{Address: c.Address, UserAgent: c.UserAgent})
	}
}

// jwks serves the public keys (RFC 7517); verifiers may keep them for minutes.
func jwks(accounts *account.Service) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("Cache-Control", "public, max-age=300")
		return c.JSON(http.StatusOK, map[string]any{"keys": accounts.JWKS()})
	}
}

// discovery says where the keys are and how tokens are signed (OpenID Connect
// Discovery 1.0, RFC 8414). Tokens are got by logIn, which is no OAuth grant.
func discovery(accounts *account.Service) echo.HandlerFunc {
	issuer := accounts.Issuer()
	return func(c echo.Context) error {
		c.Response().Header().Set("Cache-Control", "public, max-age=300")
		return c.JSON(http.StatusOK, map[string]any{
			"issuer":                                issuer,
			"jwks_uri":                              strings.TrimSuffix(issuer, "/") + "/.well-known/jwks.json",
			"id_token_signing_alg_values_supported": []string{"RS256"},
			"subject_types_supported":               []string{"public"},
			"response_types_supported":              []string{"none"},
			"grant_types_supported":                 []string{},
			"claims_supported":                      []string{"iss", "aud", "sub", "sid", "iat", "exp", "jti", "roles"},
		})
	}
}
