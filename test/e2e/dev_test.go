package e2e_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

// fast is a pace at which a reply still comes in many pieces.
var fast = partner.Config{TokensPerSecond: 300}

// devSettings are those of a dev with servers of its own in dir.
func devSettings(dir string) map[string]string {
	return map[string]string{"FLUENTPRO_DATA_DIR": dir, "FLUENTPRO_HTTP_ADDR": "127.0.0.1:0"}
}

func startDev(t *testing.T, settings map[string]string) *process {
	t.Helper()
	p := start(t, settings, "dev")
	p.ready(t)
	return p
}

func TestDevRunsTheDemoAndKeepsItsDataThroughAStop(t *testing.T) {
	t.Parallel()
	dir := dataFolder(t)
	settings := devSettings(dir)
	model, url := newModel(t, fast)
	settings["FLUENTPRO_MODEL_BASE_URL"], settings["FLUENTPRO_MODEL_NAME"] = url, model.ModelName()
	dev := startDev(t, settings)

	demo := startProgram(t, "demo", nil, "-url", dev.URL, "-lines", filepath.Join("testdata", "negotiation.txt"))
	require.Zero(t, demo.exit(t, 2*soon), demo.output)
	require.Contains(t, demo.output.String(), "connection cut on purpose")
	require.Regexp(t, `21 messages, \d+ deltas, 1 resume, 21 checked`, demo.output.String())

	l := learner(t, dev)
	conversation := converse(t, l)
	_, err := l.Say(t.Context(), journey.SayInput{ConversationID: conversation, Line: negotiation(t)[0]})
	require.NoError(t, err)
	before, err := l.Messages(t.Context(), conversation, 100)
	require.NoError(t, err)
	require.Len(t, before, 3)

	said, code := runToEnd(t, map[string]string{"FLUENTPRO_DATA_DIR": dir}, "admin", "grant", l.Email)
	require.Zero(t, code, said)
	said, code = runToEnd(t, settings, "dev")
	require.Equal(t, 1, code)
	require.Contains(t, said, "already running under process "+strconv.Itoa(dev.cmd.Process.Pid))

	members := family(t, dev.cmd.Process.Pid)
	require.Greater(t, len(members), 3, "dev has started servers")
	dev.signal(t, os.Interrupt)
	require.Zero(t, dev.exit(t, 10*time.Second), dev.output)
	nothingLeft(t, members, dir)
	said, code = runToEnd(t, map[string]string{"FLUENTPRO_DATA_DIR": dir}, "admin", "grant", l.Email)
	require.Equal(t, 1, code)
	require.Contains(t, said, "FLUENTPRO_DATABASE_URL")

	again := startDev(t, settings)
	returned := at(t, l, again)
	require.NoError(t, returned.LogIn(t.Context()))
	require.Contains(t, returned.User.Roles, adminRole)
	after, err := returned.Messages(t.Context(), conversation, 100)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestKillingDevLeavesNoProcessAndTheNextStartFinishesTheReply(t *testing.T) {
	t.Parallel()
	dir := dataFolder(t)
	dev := startDev(t, devSettings(dir))
	l := learner(t, dev)
	conversation := converse(t, l)
	members := family(t, dev.cmd.Process.Pid)
	require.Greater(t, len(members), 3, "dev has started servers")

	ctx, leave := context.WithCancel(t.Context())
	reply, err := l.Say(ctx, journey.SayInput{ConversationID: conversation, Line: negotiation(t)[1], Watch: func(r *journey.Reply, _ error) {
		if r.Deltas == 3 {
			_ = dev.cmd.Process.Signal(syscall.SIGKILL)
			leave()
		}
	}})
	require.Error(t, err, "the reply cannot have ended")
	require.Equal(t, -1, dev.exit(t, soon))
	nothingLeft(t, members, dir)

	again := startDev(t, devSettings(dir))
	returned := at(t, l, again)
	require.NoError(t, returned.LogIn(t.Context()))
	require.NoError(t, returned.Resume(t.Context(), conversation, reply, nil))
	stored, err := returned.Messages(t.Context(), conversation, 5)
	require.NoError(t, err)
	require.NoError(t, journey.Compare(stored, []*journey.Reply{reply}))
}

func TestATakenPortIsNamed(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	dir := dataFolder(t)
	settings := devSettings(dir)
	settings["FLUENTPRO_HTTP_ADDR"] = taken.Addr().String()
	said, code := runToEnd(t, settings, "dev")
	require.Equal(t, 1, code)
	require.Contains(t, said, taken.Addr().String()+" is taken by another program")
	require.Contains(t, said, "FLUENTPRO_HTTP_ADDR")
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, files, "nothing is started in vain")
}

func TestDevRefusesToRunInProduction(t *testing.T) {
	t.Parallel()
	dir := dataFolder(t)
	for _, env := range []string{"production", "staging"} {
		settings := devSettings(dir)
		settings["FLUENTPRO_ENV"] = env
		said, code := runToEnd(t, settings, "dev")
		require.Equal(t, 1, code)
		require.Contains(t, said, "FLUENTPRO_ENV="+env)
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, files, "nothing is started in vain")
}

func TestTheDemoFailsWhereNothingAnswers(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url := "http://" + free.Addr().String()
	require.NoError(t, free.Close())
	demo := startProgram(t, "demo", nil, "-url", url, "-lines", filepath.Join("testdata", "negotiation.txt"))
	require.Equal(t, 1, demo.exit(t, soon))
	require.Contains(t, demo.output.String(), "nothing answers at "+url)
}
