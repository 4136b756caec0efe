package e2e_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

// work starts a worker that takes jobs when work returns.
func (s *stack) work(t *testing.T, more ...string) *process {
	t.Helper()
	p := start(t, s.with(more...), "worker")
	p.eventually(t, "never began to work", func() bool { return strings.Contains(p.output.String(), `"msg":"working"`) })
	return p
}

func TestAWorkerThatIsKilledInMidReplyIsReplacedByAnother(t *testing.T) {
	t.Parallel()
	s := newStack(t, fast)
	node := s.serve(t, "FLUENTPRO_SERVE_JOBS=false")
	first := s.work(t)
	l := learner(t, node)
	h := sayHeld(t, s, l)

	first.signal(t, syscall.SIGKILL)
	require.Equal(t, -1, first.exit(t, margin))
	s.work(t)
	require.NoError(t, h.readerLeft(t), "the reader stays and gets all of it from the other worker")
	h.isStored(t, l)
	require.Len(t, s.Model.Requests(), 2)
}

func TestAWorkerThatStopsFinishesItsReply(t *testing.T) {
	t.Parallel()
	s := newStack(t, fast)
	node := s.serve(t, "FLUENTPRO_SERVE_JOBS=false")
	worker := s.work(t, "FLUENTPRO_DRAIN_LIMIT=1m", "FLUENTPRO_QUEUES=auth:0,onboarding:0,maintenance:0")
	l := learner(t, node)
	h := sayHeld(t, s, l)
	worker.signal(t, syscall.SIGTERM)
	worker.eventually(t, "never said that it stops", func() bool { return strings.Contains(worker.output.String(), `"msg":"stopping"`) })
	close(h.goOn)
	require.NoError(t, h.readerLeft(t))
	require.Zero(t, worker.exit(t, margin), worker.output)
	h.isStored(t, l)
	require.Len(t, s.Model.Requests(), 1)
}

func TestAPausedQueueIsResumedFromTheCommandLine(t *testing.T) {
	t.Parallel()
	s := newStack(t, fast)
	node := s.serve(t)
	l := learner(t, node)
	c := converse(t, l)
	said, code := runToEnd(t, s.Settings, "queues", "pause", "conversation")
	require.Zero(t, code, said)
	// A node obeys within two seconds; one that starts now finds the pause.
	node.signal(t, syscall.SIGTERM)
	require.Zero(t, node.exit(t, margin))
	l = at(t, l, s.serve(t))
	done := make(chan error, 1)
	go func() {
		_, err := l.Say(t.Context(), journey.SayInput{ConversationID: c, Line: "Good morning."})
		done <- err
	}()
	waiting := func() bool {
		said, code := runToEnd(t, s.Settings, "queues")
		require.Zero(t, code, said)
		for line := range strings.Lines(said) {
			if f := strings.Fields(line); len(f) > 2 && f[0] == "conversation" {
				return f[1] == "paused" && f[2] == "1"
			}
		}
		return false
	}
	require.Eventually(t, waiting, soon, often, "the reply waits")
	require.Empty(t, s.Model.Requests())
	said, code = runToEnd(t, s.Settings, "queues", "resume", "conversation")
	require.Zero(t, code, said)
	require.NoError(t, <-done)
}
