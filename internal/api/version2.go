package api

import (
	"github.com/labstack/echo/v4"

	"github.com/fluentpro/fluentpro/docs"
	"github.com/fluentpro/fluentpro/gen/apiv2"
	v2 "github.com/fluentpro/fluentpro/internal/api/v2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/page"
)

// version2 is the one that new clients use.
var version2 = version{"v2", mountV2, nil, guide{"v2-deprecations", docs.V2Deprecations}}

func mountV2(e *echo.Echo, d Deps, contract *web.Document, guards map[string][]echo.MiddlewareFunc) error {
	server := v2.New(v2.Deps{
		Accounts: d.Accounts, Activity: d.Activity, Catalogue: d.Catalogue, Conversations: d.Conversations, Cursors: d.Cursors,
		Audit: d.Audit, Exports: page.New(page.Config{Describe: describe}), Queues: d.Queues, DeadLetters: d.DeadLetters,
		Tasks: d.Tasks, Replays: d.Replays, Onboarding: d.Onboarding, Learning: d.Learning, Monitor: d.Monitor, Usage: d.Usage, Budgets: d.Budgets, Backups: d.Backups, May: May,
		Draining: d.Draining, Now: d.Now, Sockets: d.Sockets, Streams: d.Streams, Tickets: d.Tickets,
	})
	for _, operation := range []string{"connectRealtime", "createRealtimeTicket"} {
		guards[operation] = append(guards[operation], web.WithRequest)
	}
	apiv2.RegisterHandlersWithOptions(e, apiv2.NewStrictHandler(server, nil),
		apiv2.RegisterHandlersOptions{BaseURL: v2.BasePath, OperationMiddlewares: guards})
	return d.Sockets.Bind(server, contract)
}
