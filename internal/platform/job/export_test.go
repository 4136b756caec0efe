package job

import (
	"log/slog"
	"time"
)

// Quiet is the handler that the engine logs to.
func Quiet(h slog.Handler) slog.Handler { return quiet{h} }

// OnClock gives a node a wall clock that is wrong.
func OnClock(cfg Config, local func() time.Time) Config {
	cfg.clock = &clock{local: local}
	return cfg
}
