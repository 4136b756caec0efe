package api

import (
	"context"
	"fmt"
	"sync"

	"github.com/labstack/echo/v4"

	contracts "github.com/fluentpro/fluentpro/gen/openapi"

	"github.com/fluentpro/fluentpro/gen/apiv1"
	"github.com/fluentpro/fluentpro/gen/apiv2"
	v1 "github.com/fluentpro/fluentpro/internal/api/v1"
	v2 "github.com/fluentpro/fluentpro/internal/api/v2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/gate"
	"github.com/fluentpro/fluentpro/internal/platform/page"
)

// version is one major version of the API. Its name is that of its document.
type version struct {
	name   string
	mount  func(e *echo.Echo, d Deps, guards map[string][]echo.MiddlewareFunc)
	errors web.ErrorForm // nil: problems
}

// versions are those that are served, the newest last. To drop one: its line and its
// mount here, and openapi/<name>, gen/api<name>, gen/openapi/<name>.yaml and
// internal/api/<name>.
var versions = []version{
	{"v1", mountV1, v1.ToAPIError},
	{"v2", mountV2, nil},
}

func mountV1(e *echo.Echo, d Deps, guards map[string][]echo.MiddlewareFunc) {
	server := v1.New(v1.Deps{Accounts: d.Accounts, Catalogue: d.Catalogue, Onboarding: d.Onboarding, Tasks: d.Tasks, Now: d.Now})
	apiv1.RegisterHandlersWithOptions(e, apiv1.NewStrictHandler(server, nil),
		apiv1.RegisterHandlersOptions{BaseURL: v1.BasePath, OperationMiddlewares: guards})
}

func mountV2(e *echo.Echo, d Deps, guards map[string][]echo.MiddlewareFunc) {
	server := v2.New(v2.Deps{
		Accounts: d.Accounts, Catalogue: d.Catalogue, Conversations: d.Conversations, Cursors: d.Cursors,
		Audit: d.Audit, Exports: page.New(page.Config{Describe: describe}), Queues: d.Queues, DeadLetters: d.DeadLetters,
		Tasks: d.Tasks, Replays: d.Replays, Onboarding: d.Onboarding, Learning: d.Learning, Draining: d.Draining, Now: d.Now,
	})
	apiv2.RegisterHandlersWithOptions(e, apiv2.NewStrictHandler(server, nil),
		apiv2.RegisterHandlersOptions{BaseURL: v2.BasePath, OperationMiddlewares: guards})
}

func (v version) text() ([]byte, error) { return contracts.FS.ReadFile(v.name + ".yaml") }

// documents reads the contracts once for all handlers of a process: they are part of
// the binary, and nothing changes them.
var documents = sync.OnceValues(func() (map[string]*web.Document, error) {
	read := map[string]*web.Document{}
	for _, v := range versions {
		text, err := v.text()
		if err == nil {
			read[v.name], err = web.Load(text)
		}
		if err != nil {
			return nil, fmt.Errorf("contract %s: %w", v.name, err)
		}
	}
	return read, nil
})

// guardConfig is what the contracts cannot say by themselves, the same for all. What
// is deprecated has its successor in the newest.
func guardConfig(d Deps, read map[string]*web.Document) web.GuardConfig {
	newest := versions[len(versions)-1].name
	return web.GuardConfig{
		Authenticate: authenticate(d.Accounts), Permissions: permissions, Denied: denied(d.Accounts), Limits: d.Limits,
		Count: func(ctx context.Context, address string, limit gate.Limit) gate.Pass {
			return d.Gate.Take(ctx, "address:"+address, limit)
		},
		Deprecation: web.DeprecationConfig{
			Now: d.Now,
			Successor: func(operationID string) (string, bool) {
				path, ok := read[newest].OperationPath(operationID)
				return "/api/" + newest + path, ok
			},
			Guide: func(operationID string) string { return "/docs/v1-to-v2#" + operationID },
		},
	}
}
