package monitor_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/mailcatcher"
	"github.com/fluentpro/fluentpro/internal/monitor"
	"github.com/fluentpro/fluentpro/internal/platform/mail"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
	"github.com/fluentpro/fluentpro/internal/platform/webhook"
)

// patience bounds waits; nothing takes this long unless it is broken.
const patience = 20 * time.Second

// secret signs what the tests' webhooks send.
var secret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("this is a secret of 32 bytes ok!"))

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// journal keeps what is logged.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write takes a line.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

// String is all of it.
func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// bench is what the nodes of a test share.
type bench struct {
	t     *testing.T
	pool  *pgxpool.Pool
	clock *clock
	log   *journal
}

func setup(t *testing.T) *bench {
	t.Helper()
	return &bench{t: t, pool: postgrestest.Open(t), clock: &clock{at: time.Now().UTC()}, log: &journal{}}
}

// node is one that runs probes when the test says so.
func (b *bench) node(host string, probes []monitor.Probe, changes ...func(*monitor.Deps)) *monitor.Service {
	d := monitor.Deps{Pool: b.pool, Probes: probes, Host: host, Logger: slog.New(slog.NewJSONHandler(b.log, nil)), Now: b.clock.now}
	for _, change := range changes {
		change(&d)
	}
	return monitor.New(d)
}

// round lets time pass until everything is due, and has nodes look.
func (b *bench) round(nodes ...*monitor.Service) {
	b.t.Helper()
	b.clock.advance(20 * time.Second)
	for _, n := range nodes {
		n.Round(b.t.Context())
	}
}

// state is that of a probe.
func (b *bench) state(n *monitor.Service, name string) monitor.State {
	b.t.Helper()
	o, err := n.Overview(b.t.Context(), 0)
	require.NoError(b.t, err)
	for _, p := range o.Probes {
		if p.Name == name {
			return p
		}
	}
	require.Fail(b.t, "no such probe", name)
	return monitor.State{}
}

func (b *bench) count(query string, args ...any) (n int) {
	b.t.Helper()
	require.NoError(b.t, b.pool.QueryRow(b.t.Context(), query, args...).Scan(&n))
	return n
}

// part is a thing that a test breaks; its probe looks every 15 s.
type part struct {
	mu    sync.Mutex
	level string
	runs  int
}

func newPart() *part { return &part{level: monitor.OK} }

func (p *part) set(level string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.level = level
}

func (p *part) ran() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runs
}

func (p *part) probe(changes ...func(*monitor.Probe)) []monitor.Probe {
	one := monitor.Probe{Name: "part", Pace: 15 * time.Second, Timeout: 5 * time.Second, Worse: 2, Better: 2, Look: func(context.Context) (monitor.Reading, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.runs++
		return monitor.Reading{Level: p.level, Value: 1.5, Unit: monitor.UnitSeconds, Detail: "as the test says"}, nil
	}}
	for _, change := range changes {
		change(&one)
	}
	return []monitor.Probe{one}
}

// receiver takes webhooks, each proven to be ours.
type receiver struct {
	t      *testing.T
	sender *webhook.Sender
	mu     sync.Mutex
	status int
	got    []received
}

// received is a webhook; its form is what receivers know.
type received struct {
	id   string
	Type string
	Data struct {
		ChangeID uuid.UUID `json:"change_id"`
		Probe    string
		Previous string
		State    string
		Value    float64
		Unit     string
		Detail   string
		NodeID   uuid.UUID `json:"node_id"`
	}
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	verifier, err := standardwebhooks.NewWebhook(secret)
	require.NoError(t, err)
	r := &receiver{t: t, status: http.StatusNoContent}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		text, _ := io.ReadAll(request.Body)
		one := received{id: request.Header.Get("webhook-id")}
		if verifier.VerifyIgnoringTimestamp(text, request.Header) != nil || json.Unmarshal(text, &one) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, one)
		w.WriteHeader(r.status)
	}))
	t.Cleanup(server.Close)
	r.sender, err = webhook.New(webhook.Config{URL: server.URL + "/hunter2", Secret: secret})
	require.NoError(t, err)
	return r
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.got...)
}

func (r *receiver) use(d *monitor.Deps) { d.Webhook = r.sender }

// mailer sends mails into a catcher.
func (b *bench) mailer() (*mailcatcher.Server, func(*monitor.Deps)) {
	b.t.Helper()
	catcher, err := mailcatcher.Start(b.t.Context(), mailcatcher.Config{Dir: b.t.TempDir()})
	require.NoError(b.t, err)
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(b.t, catcher.Stop(ctx))
	})
	m, err := mail.New(mail.Config{
		URL: catcher.SMTPURL(), From: "FluentPro <no-reply@example.com>", Templates: []fs.FS{monitor.Mails()}, Pool: b.pool,
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	require.NoError(b.t, err)
	return catcher, func(d *monitor.Deps) { d.Mailer, d.Addresses = m, []string{"ops@example.com"} }
}
