package measure

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"
)

// Breaker tells the state of a breaker: 0 closed, 1 on trial, 2 open.
func Breaker(name string, state func() gobreaker.State) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fluentpro_breaker_state", Help: "State of a circuit breaker: 0 closed, 1 on trial, 2 open.",
		ConstLabels: prometheus.Labels{"breaker": name},
	}, func() float64 {
		switch state() {
		case gobreaker.StateOpen:
			return 2
		case gobreaker.StateHalfOpen:
			return 1
		default:
			return 0
		}
	})
}
