package app

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/fluentpro/fluentpro/internal/api/metrics"
)

// metricsOff is the address at which no metrics are served.
const metricsOff = "off"

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
	server := newServer(metrics.New(a.monitor), a.logger)
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
