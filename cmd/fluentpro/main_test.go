package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/smtp"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/devstack"
)

// command runs one command line to its end. These tests set the environment of
// the process, so none of them is parallel.
func command(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := root()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// syncBuffer is what a running command has printed so far.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// start runs a command until stop is called, and waits until its API is ready.
func start(t *testing.T, addr string, args ...string) (out *syncBuffer, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out = &syncBuffer{}
	cmd := root()
	cmd.SetArgs(args)
	cmd.SetOut(out)
	done := make(chan error, 1)
	go func() { done <- cmd.ExecuteContext(ctx) }()
	require.Eventually(t, func() bool {
		response, err := http.Get("http://" + addr + "/readyz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	}, 60*time.Second, 20*time.Millisecond, "the API is not ready")
	return out, sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(30 * time.Second):
			t.Fatal("the command does not stop")
			return nil
		}
	})
}

// freeAddr is an address that nobody listens on at the moment.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// dataFolder is one that PostgreSQL can reach too when the tests run as root and
// it does not.
func dataFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fluentpro-test-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return filepath.Join(dir, "data")
}

func signUp(t *testing.T, addr, email string) int {
	t.Helper()
	body := strings.NewReader(`{"email":"` + email + `","password":"Harbour-Light-42","full_name":"Mei Chen"}`)
	response, err := http.Post("http://"+addr+"/api/v2/users", "application/json", body)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode
}

func TestDevStartsEverythingAndKeepsItsData(t *testing.T) {
	addr, data := freeAddr(t), dataFolder(t)
	t.Setenv("FLUENTPRO_HTTP_ADDR", addr)
	t.Setenv("FLUENTPRO_DATA_DIR", data)

	out, stop := start(t, addr, "dev")
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "Talk to it") }, 5*time.Second, 10*time.Millisecond)
	require.Contains(t, out.String(), "http://"+addr+"/docs")
	require.NotContains(t, out.String(), "postgres://", "no password on the screen")
	require.Equal(t, http.StatusCreated, signUp(t, addr, "mei@example.com"))

	granted, err := command(t, "admin", "grant", "Mei@example.com")
	require.NoError(t, err)
	require.Contains(t, granted, "user, admin")
	_, err = command(t, "admin", "grant", "nobody@example.com")
	require.ErrorContains(t, err, "no such user")

	_, err = command(t, "dev")
	require.ErrorContains(t, err, addr+" is taken")
	require.NoError(t, stop())
	_, err = os.Stat(filepath.Join(data, databaseFile))
	require.ErrorIs(t, err, os.ErrNotExist)

	_, stop = start(t, addr, "dev")
	require.Equal(t, http.StatusConflict, signUp(t, addr, "mei@example.com"), "the account is still there")
	require.NoError(t, stop())

	_, err = command(t, "admin", "grant", "mei@example.com")
	require.ErrorContains(t, err, "FLUENTPRO_DATABASE_URL")
}

func TestDevUsesWhatIsGivenByURL(t *testing.T) {
	addr := freeAddr(t)
	redis, err := devstack.TestRedis()
	require.NoError(t, err)
	t.Setenv("FLUENTPRO_HTTP_ADDR", addr)
	t.Setenv("FLUENTPRO_DATA_DIR", dataFolder(t))
	t.Setenv("FLUENTPRO_DATABASE_URL", apitest.Database(t))
	t.Setenv("FLUENTPRO_KEY_ENCRYPTION_KEY", apitest.KeyEncryptionKey)
	t.Setenv("FLUENTPRO_REDIS_URL", redis)
	t.Setenv("FLUENTPRO_MODEL_BASE_URL", "http://127.0.0.1:1/v1")
	t.Setenv("FLUENTPRO_MODEL_NAME", "some-model")
	t.Setenv("FLUENTPRO_SMTP_URL", "smtp://127.0.0.1:1?starttls=off")
	out, stop := start(t, addr, "dev")
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "as FLUENTPRO_DATABASE_URL says") }, 5*time.Second, 10*time.Millisecond)
	require.Contains(t, out.String(), "Mail          as FLUENTPRO_SMTP_URL says")
	require.NoError(t, stop())
}

func TestDevRefusesProduction(t *testing.T) {
	t.Setenv("FLUENTPRO_ENV", "production")
	_, err := command(t, "dev")
	require.ErrorContains(t, err, "FLUENTPRO_ENV=production refuses")
}

func TestMigrateThenServe(t *testing.T) {
	addr := freeAddr(t)
	redis, err := devstack.TestRedis()
	require.NoError(t, err)
	t.Setenv("FLUENTPRO_HTTP_ADDR", addr)
	t.Setenv("FLUENTPRO_DATABASE_URL", apitest.Database(t))
	t.Setenv("FLUENTPRO_REDIS_URL", redis)
	t.Setenv("FLUENTPRO_MODEL_BASE_URL", "http://127.0.0.1:1/v1")
	t.Setenv("FLUENTPRO_MODEL_NAME", "some-model")
	t.Setenv("FLUENTPRO_SMTP_URL", "smtp://127.0.0.1:1?starttls=off")
	t.Setenv("FLUENTPRO_KEY_ENCRYPTION_KEY", apitest.KeyEncryptionKey)
	_, err = command(t, "migrate")
	require.NoError(t, err, "a second migration finds nothing to do")
	_, stop := start(t, addr, "serve")
	_, err = command(t, "serve")
	require.ErrorContains(t, err, addr+" is taken")
	require.NoError(t, stop())
}

func TestServeNamesEverySettingThatIsMissing(t *testing.T) {
	_, err := command(t, "serve")
	for _, name := range []string{"FLUENTPRO_DATABASE_URL", "FLUENTPRO_REDIS_URL", "FLUENTPRO_MODEL_BASE_URL", "FLUENTPRO_MODEL_NAME", "FLUENTPRO_SMTP_URL", "FLUENTPRO_KEY_ENCRYPTION_KEY"} {
		require.ErrorContains(t, err, name)
	}
	t.Setenv("FLUENTPRO_DRAIN_LIMIT", "soon")
	_, err = command(t, "serve")
	require.ErrorContains(t, err, "FLUENTPRO_DRAIN_LIMIT")
	_, err = command(t, "migrate")
	require.ErrorContains(t, err, "FLUENTPRO_DRAIN_LIMIT")
	_, err = command(t, "dev")
	require.ErrorContains(t, err, "FLUENTPRO_DRAIN_LIMIT")
	_, err = command(t, "admin", "grant", "a@example.com")
	require.ErrorContains(t, err, "FLUENTPRO_DRAIN_LIMIT")
	_, err = command(t, "worker")
	require.ErrorContains(t, err, "FLUENTPRO_DRAIN_LIMIT")
}

func TestTheModelOfDevCanBeToldToFail(t *testing.T) {
	d := &devStack{}
	t.Cleanup(func() { require.NoError(t, d.stop()) })
	require.NoError(t, d.startModel(t.Context()))
	base := strings.TrimSuffix(d.cfg.ModelBaseURL, "/v1")
	response, err := http.Post(base+"/control", "application/json", strings.NewReader(`{"steps":[{"status":503}]}`))
	require.NoError(t, err)
	_ = response.Body.Close()
	require.Less(t, response.StatusCode, 300)
	body, err := json.Marshal(map[string]any{"model": "x", "messages": []map[string]string{{"role": "user", "content": "hi"}}})
	require.NoError(t, err)
	response, err = http.Post(d.cfg.ModelBaseURL+"/chat/completions", "application/json", bytes.NewReader(body))
	require.NoError(t, err)
	_ = response.Body.Close()
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
}

func TestDevShowsTheMailsThatItCatches(t *testing.T) {
	d := &devStack{logger: slog.New(slog.DiscardHandler)}
	d.cfg.DataDir = t.TempDir()
	require.NoError(t, d.startMail(t.Context()))
	require.Len(t, d.about, 1)
	page := regexp.MustCompile(`^Mail          (http://127\.0\.0\.1:\d+) \(every mail that is sent\)$`).FindStringSubmatch(d.about[0])
	require.NotNil(t, page, d.about[0])
	server := strings.TrimSuffix(strings.TrimPrefix(d.cfg.SMTPURL.Reveal(), "smtp://"), "?starttls=off")
	require.NoError(t, smtp.SendMail(server, nil, "a@example.com", []string{"b@example.com"}, []byte("Subject: Good morning\r\n\r\nHello.\r\n")))
	response, err := http.Get(page[1])
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), "Good morning")
	files, err := filepath.Glob(filepath.Join(d.cfg.DataDir, "mail", "*.eml"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.NoError(t, d.stop())
	_, err = http.Get(page[1])
	require.Error(t, err)
}

func TestVersionSaysWhatItWasBuiltFrom(t *testing.T) {
	out, err := command(t, "version")
	require.NoError(t, err)
	require.Contains(t, out, "fluentpro ")
	require.Contains(t, out, "go1.")
}
