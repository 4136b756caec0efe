package postgres

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluentpro/fluentpro/internal/platform/measure"
)

// Metrics tells how the connections of a pool get on.
func Metrics(pool *pgxpool.Pool) prometheus.Collector {
	type figure = measure.Figure[*pgxpool.Stat]
	return measure.Stats(pool.Stat, nil,
		figure{Name: "fluentpro_database_pool_acquired_connections", Help: "Connections to PostgreSQL in use.",
			Of: func(s *pgxpool.Stat) float64 { return float64(s.AcquiredConns()) }},
		figure{Name: "fluentpro_database_pool_idle_connections", Help: "Open connections to PostgreSQL that nobody uses.",
			Of: func(s *pgxpool.Stat) float64 { return float64(s.IdleConns()) }},
		figure{Name: "fluentpro_database_pool_max_connections", Help: "The most connections to PostgreSQL that this node opens.",
			Of: func(s *pgxpool.Stat) float64 { return float64(s.MaxConns()) }},
		figure{Name: "fluentpro_database_pool_acquires_total", Help: "How often a connection to PostgreSQL was taken.", Grows: true,
			Of: func(s *pgxpool.Stat) float64 { return float64(s.AcquireCount()) }},
		figure{Name: "fluentpro_database_pool_waits_total", Help: "How often somebody waited for a connection to PostgreSQL.", Grows: true,
			Of: func(s *pgxpool.Stat) float64 { return float64(s.EmptyAcquireCount()) }},
		figure{Name: "fluentpro_database_pool_wait_seconds_total", Help: "How long was waited for connections to PostgreSQL, in all.", Grows: true,
			Of: func(s *pgxpool.Stat) float64 { return s.EmptyAcquireWaitTime().Seconds() }},
		figure{Name: "fluentpro_database_pool_canceled_acquires_total", Help: "How often somebody gave up waiting for a connection to PostgreSQL.", Grows: true,
			Of: func(s *pgxpool.Stat) float64 { return float64(s.CanceledAcquireCount()) }},
	)
}
