package job_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/job"
)

func TestTheEngineIsHeardOnlyWhenSomethingIsWrong(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger := slog.New(job.Quiet(slog.NewTextHandler(&out, nil))).With("a", 1).WithGroup("g")
	logger.Info("looked at an empty queue")
	require.Empty(t, out.String())
	logger.Warn("a listener was lost", "b", 2)
	require.Contains(t, out.String(), "a listener was lost")
	require.Contains(t, out.String(), "a=1 g.b=2")
}
