package job

import "log/slog"

// Quiet is the handler that the engine logs to.
func Quiet(h slog.Handler) slog.Handler { return quiet{h} }
