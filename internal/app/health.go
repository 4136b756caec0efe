package app

import (
	"context"

	"github.com/fluentpro/fluentpro/internal/api"
	"github.com/fluentpro/fluentpro/internal/monitor"
)

// dependencies are what /readyz looks at. The model and the tenant are asked all the time:
// their breakers know how they are.
func (a *App) dependencies() []api.Probe {
	all := []api.Probe{
		{Name: "postgres", Required: true, Check: a.pool.Ping}, {Name: "redis", Check: a.pingRedis}, {Name: "model", Check: unlessOpen(a.model.Asked)},
	}
	if a.tenant != nil {
		all = append(all, api.Probe{Name: "auth0", Check: unlessOpen(a.tenant.Asked)})
	}
	return all
}

func unlessOpen(asked func() bool) func(context.Context) error {
	return func(context.Context) error {
		if !asked() {
			return monitor.Plain("it has been failing; its breaker is open")
		}
		return nil
	}
}

func (a *App) pingRedis(ctx context.Context) error { return a.redis.Ping(ctx).Err() }
