package job

import (
	"context"
	"log/slog"
)

// quiet lets only warnings and errors of the queue's engine through: it tells
// of every look at an empty queue.
type quiet struct{ slog.Handler }

// Enabled reports whether a record is loud enough.
func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

// WithAttrs keeps the threshold.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

// WithGroup keeps the threshold.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
