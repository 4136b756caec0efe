package api

import (
	"github.com/labstack/echo/v4"

	"github.com/fluentpro/fluentpro/docs"
	"github.com/fluentpro/fluentpro/gen/apiv1"
	v1 "github.com/fluentpro/fluentpro/internal/api/v1"
	"github.com/fluentpro/fluentpro/internal/api/web"
)

// version1 is that of the mobile app in the shops.
var version1 = version{"v1", mountV1, v1.ToAPIError, guide{"v1-to-v2", docs.V1ToV2}}

func mountV1(e *echo.Echo, d Deps, _ *web.Document, guards map[string][]echo.MiddlewareFunc) error {
	server := v1.New(v1.Deps{Accounts: d.Accounts, Catalogue: d.Catalogue, Onboarding: d.Onboarding, Tasks: d.Tasks, Now: d.Now})
	apiv1.RegisterHandlersWithOptions(e, apiv1.NewStrictHandler(server, nil),
		apiv1.RegisterHandlersOptions{BaseURL: v1.BasePath, OperationMiddlewares: guards})
	return nil
}
