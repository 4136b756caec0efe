package app

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluentpro/fluentpro/internal/api/metrics"
	"github.com/fluentpro/fluentpro/internal/platform/measure"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// metricsOff is the address at which no metrics are served.
const metricsOff = "off"

// wireMetrics puts together what the parts measure of themselves.
func (a *App) wireMetrics() (err error) {
	a.measures = []prometheus.Collector{
		metrics.Build(version()), metrics.Probes(a.monitor), postgres.Metrics(a.pool), measure.RedisPool("main", a.redis),
		a.requests, a.sockets.Metrics(), a.log.Metrics(), a.locks.Metrics(), a.gate.Metrics(), a.model.Metrics(), a.embed.Metrics(),
		a.queue.Metrics(), a.relay.Metrics(), a.consumers.Metrics(),
	}
	if a.tenant != nil {
		a.measures = append(a.measures, a.tenant.Metrics())
	}
	a.metrics, err = metrics.New(a.measures...)
	return err
}

// Metrics serves /metrics.
func (a *App) Metrics() http.Handler { return a.metrics }

// startMetrics serves metrics until the answer is called. An address that is taken, as by
// another process of this machine, is no reason not to start.
func (a *App) startMetrics(ctx context.Context, addr string) (stop func()) {
	if addr == "" || addr == metricsOff {
		return func() {}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		a.logger.WarnContext(ctx, "no metrics are served; set FLUENTPRO_METRICS_ADDR to another address", "error", err.Error())
		return func() {}
	}
	server := newServer(a.metrics, a.logger)
	server.ReadTimeout, server.WriteTimeout = 10*time.Second, 10*time.Second
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.logger.Warn("metrics are not served any more", "error", err.Error())
		}
	}()
	return func() {
		_ = server.Close()
		<-done
	}
}
