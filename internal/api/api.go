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
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	contracts "github.com/fluentpro/fluentpro/gen/openapi"

	"github.com/fluentpro/fluentpro/docs"
	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/account"
	apidocs "github.com/fluentpro/fluentpro/internal/api/docs"
	v2 "github.com/fluentpro/fluentpro/internal/api/v2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/audit"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/learning"
	"github.com/fluentpro/fluentpro/internal/onboarding"
	"github.com/fluentpro/fluentpro/internal/platform/cursor"
	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/gate"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/page"
	"github.com/fluentpro/fluentpro/internal/replay"
	"github.com/fluentpro/fluentpro/internal/task"
)

// permissions says which roles have each x-permission of the contracts.
var permissions = map[string][]string{
	"practise":   {account.RoleUser, account.RoleAdmin},
	"inspect":    {account.RoleModerator, account.RoleAdmin},
	"administer": {account.RoleAdmin},
}

// Deps are what the doors lead to.
type Deps struct {
	Accounts       *account.Service
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
	Cursors        *cursor.Sealer
	Probes         []Probe
	NotReady       <-chan struct{} // closed when /readyz must fail, so that balancers go elsewhere
	Draining       context.Context // ends when streams must
	Logger         *slog.Logger
	AllowedOrigins []string
	TrustedProxies []*net.IPNet
	TLS            bool
	Now            func() time.Time
}

// New builds the handler. It fails when a contract asks for what is not there,
// such as an unknown permission.
func New(d Deps) (http.Handler, error) {
	e := echo.New()
	web.Stack(e, web.StackConfig{
		Logger: d.Logger, AllowedOrigins: d.AllowedOrigins, TrustedProxies: d.TrustedProxies, TLS: d.TLS,
	})
	served, err := contractV2()
	if err != nil {
		return nil, fmt.Errorf("contract v2: %w", err)
	}
	if err := mountV2(e, d, served.document); err != nil {
		return nil, err
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

// contract is one version's, as it is served and as it is understood.
type contract struct {
	text     []byte
	document *web.Document
}

// contractV2 reads the contract once for all handlers of a process: it is part of the
// binary, and nothing changes it.
var contractV2 = sync.OnceValues(func() (c contract, err error) {
	if c.text, err = contracts.FS.ReadFile("v2.yaml"); err != nil {
		return c, err
	}
	c.document, err = web.Load(c.text)
	return c, err
})

// pages are what developers read, made once for all handlers of a process.
var pages = sync.OnceValues(func() (*apidocs.Pages, error) {
	served, err := contractV2()
	if err != nil {
		return nil, err
	}
	return apidocs.New(apidocs.Config{Contracts: map[string][]byte{"v2": served.text}, Problems: docs.Problems})
})

func mountV2(e *echo.Echo, d Deps, document *web.Document) error {
	guards, err := document.Guards(web.GuardConfig{
		Authenticate: authenticate(d.Accounts), Permissions: permissions, Denied: denied(d.Accounts), Limits: d.Limits,
		Count: func(ctx context.Context, address string, limit gate.Limit) gate.Pass {
			return d.Gate.Take(ctx, "address:"+address, limit)
		},
	})
	if err != nil {
		return fmt.Errorf("contract v2: %w", err)
	}
	server := v2.New(v2.Deps{
		Accounts: d.Accounts, Catalogue: d.Catalogue, Conversations: d.Conversations, Cursors: d.Cursors,
		Audit: d.Audit, Exports: page.New(page.Config{Describe: describe}), Queues: d.Queues, DeadLetters: d.DeadLetters,
		Tasks: d.Tasks, Replays: d.Replays, Onboarding: d.Onboarding, Learning: d.Learning, Draining: d.Draining, Now: d.Now,
	})
	apiv2.RegisterHandlersWithOptions(e, apiv2.NewStrictHandler(server, nil),
		apiv2.RegisterHandlersOptions{BaseURL: v2.BasePath, OperationMiddlewares: guards})
	return nil
}

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
