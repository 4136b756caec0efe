// Package e2e_test walks through the service from outside: the binary is built
// and run as people run it, and everything is asked over HTTP.
package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/devstack"
	"github.com/fluentpro/fluentpro/internal/devstack/mailcatcher"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

// How long is waited for what takes well under a second on a machine at rest,
// and how often is looked.
const soon, often = 30 * time.Second, 10 * time.Millisecond

// binaries is the folder of the built programs, fluentpro and demo.
var binaries string

func TestMain(m *testing.M) {
	code, err := withBinaries(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withBinaries(m *testing.M) (code int, err error) {
	if binaries, err = os.MkdirTemp("", "fluentpro-e2e-"); err != nil {
		return 1, err
	}
	defer os.RemoveAll(binaries)
	build := exec.Command("go", "build", "-o", binaries+"/", "../../cmd/fluentpro", "./demo")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// masterKey is that of every node in these tests.
const masterKey = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="

// stack is what nodes share.
type stack struct {
	Model    *partner.Server
	Mail     *mailcatcher.Server
	Settings map[string]string // environment of every node
}

// newStack gives a database, a model and a mail catcher of its own to one test, and the Redis
// that all tests share.
func newStack(t *testing.T, pace partner.Config) *stack {
	t.Helper()
	return newStackOn(t, apitest.Database(t), pace)
}

func newStackOn(t *testing.T, database string, pace partner.Config) *stack {
	t.Helper()
	redis, err := devstack.TestRedis()
	require.NoError(t, err)
	model, url := newModel(t, pace)
	catcher := apitest.MailCatcher(t)
	return &stack{Model: model, Mail: catcher, Settings: map[string]string{
		"FLUENTPRO_ENV": "test", "FLUENTPRO_HTTP_ADDR": "127.0.0.1:0",
		"FLUENTPRO_DATABASE_URL": database, "FLUENTPRO_REDIS_URL": redis,
		"FLUENTPRO_MODEL_BASE_URL": url, "FLUENTPRO_MODEL_NAME": model.ModelName(), "FLUENTPRO_EMBEDDING_MODEL": partner.EmbeddingVersion,
		"FLUENTPRO_SMTP_URL":     catcher.SMTPURL(),
		"FLUENTPRO_TOKEN_ISSUER": "http://fluentpro.test", "FLUENTPRO_KEY_ENCRYPTION_KEY": masterKey,
	}}
}

// newModel serves a model that answers at pace.
func newModel(t *testing.T, pace partner.Config) (*partner.Server, string) {
	t.Helper()
	model := partner.New(pace)
	server := httptest.NewServer(model)
	t.Cleanup(func() {
		model.Close()
		server.Close()
	})
	return model, server.URL + "/v1"
}

// serve starts a node that answers when serve returns.
func (s *stack) serve(t *testing.T, more ...string) *process {
	t.Helper()
	p := start(t, s.with(more...), "serve")
	p.ready(t)
	return p
}

// with adds settings, each NAME=value.
func (s *stack) with(more ...string) map[string]string {
	settings := maps.Clone(s.Settings)
	for _, one := range more {
		name, value, _ := strings.Cut(one, "=")
		settings[name] = value
	}
	return settings
}

// emptyDatabase makes one without a single table.
func emptyDatabase(t *testing.T) string {
	t.Helper()
	admin, err := devstack.Cluster()
	require.NoError(t, err)
	url, drop, err := devstack.CloneDatabase(t.Context(), admin, "empty", func(context.Context, string) error { return nil })
	require.NoError(t, err)
	t.Cleanup(drop)
	return url
}

// dataFolder is one that every user can enter, as PostgreSQL must that does not
// run as root; t.TempDir's are closed.
func dataFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fluentpro-e2e-data-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// learner signs somebody up at a node.
func learner(t *testing.T, node *process) *journey.Learner {
	t.Helper()
	l, err := journey.New(node.URL, nil)
	require.NoError(t, err)
	require.NoError(t, l.SignUp(t.Context()))
	return l
}

// at is the same person at another node.
func at(t *testing.T, l *journey.Learner, node *process) *journey.Learner {
	t.Helper()
	there, err := l.At(node.URL)
	require.NoError(t, err)
	return there
}

// converse starts a conversation.
func converse(t *testing.T, l *journey.Learner) uuid.UUID {
	t.Helper()
	c, err := l.Converse(t.Context(), "suppliers", "negotiations")
	require.NoError(t, err)
	return c.ID
}

// negotiation is what the demo says.
func negotiation(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "negotiation.txt"))
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}
