package api

import (
	"context"
	"fmt"
	"sync"

	"github.com/labstack/echo/v4"

	contracts "github.com/fluentpro/fluentpro/gen/openapi"

	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/gate"
	"github.com/fluentpro/fluentpro/internal/usage"
)

// version is one major version of the API. Its name is that of its document.
type version struct {
	name   string
	mount  func(e *echo.Echo, d Deps, contract *web.Document, guards map[string][]echo.MiddlewareFunc) error
	errors web.ErrorForm // nil: problems
	guide  guide
}

// guide is the page that tells how to leave what a version deprecates, with a section
// for each such thing.
type guide struct {
	name string
	text []byte
}

// versions are those that are served, the newest last. To drop one: its entry here, its
// file beside this one, openapi/<name>, gen/openapi/<name>.yaml, gen/api<name> and
// internal/api/<name>.
var versions = []version{
	version1,
	version2,
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
func guardConfig(d Deps, v version, read map[string]*web.Document) web.GuardConfig {
	newest := versions[len(versions)-1].name
	return web.GuardConfig{
		Authenticate: authenticate(d.Accounts), Permissions: permissions, Denied: denied(d.Accounts), Limits: d.Limits,
		Metrics: d.Metrics, Version: v.name,
		Count: func(ctx context.Context, address string, limit gate.Limit) gate.Pass {
			return d.Gate.Take(ctx, "address:"+address, limit)
		},
		Deprecation: web.DeprecationConfig{
			Now: d.Now,
			Successor: func(operationID string) (string, bool) {
				path, ok := read[newest].OperationPath(operationID)
				return "/api/" + newest + path, ok
			},
			Guide: func(name string) string { return "/docs/" + v.guide.name + "#" + name },
			Used: func(ctx context.Context, name string) {
				d.Usage.Count(usage.Call{Name: name, UserAgent: web.ClientFrom(ctx).UserAgent, UserID: web.IdentityFrom(ctx).UserID})
			},
		},
	}
}
