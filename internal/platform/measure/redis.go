package measure

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// RedisPool tells how the connections of a Redis client get on; name tells the clients of a
// process apart.
func RedisPool(name string, client redis.UniversalClient) prometheus.Collector {
	return Stats(client.PoolStats, prometheus.Labels{"client": name},
		Figure[*redis.PoolStats]{Name: "fluentpro_redis_pool_connections", Help: "Connections to Redis that are open.",
			Of: func(s *redis.PoolStats) float64 { return float64(s.TotalConns) }},
		Figure[*redis.PoolStats]{Name: "fluentpro_redis_pool_idle_connections", Help: "Open connections to Redis that nobody uses.",
			Of: func(s *redis.PoolStats) float64 { return float64(s.IdleConns) }},
		Figure[*redis.PoolStats]{Name: "fluentpro_redis_pool_waits_total", Help: "Commands that waited for a connection to Redis.", Grows: true,
			Of: func(s *redis.PoolStats) float64 { return float64(s.WaitCount) }},
		Figure[*redis.PoolStats]{Name: "fluentpro_redis_pool_wait_seconds_total", Help: "How long commands waited for connections to Redis, in all.", Grows: true,
			Of: func(s *redis.PoolStats) float64 { return time.Duration(s.WaitDurationNs).Seconds() }},
		Figure[*redis.PoolStats]{Name: "fluentpro_redis_pool_timeouts_total", Help: "Commands that got no connection to Redis in time.", Grows: true,
			Of: func(s *redis.PoolStats) float64 { return float64(s.Timeouts) }},
	)
}
