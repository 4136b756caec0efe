package account_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/gate"
	"github.com/fluentpro/fluentpro/internal/platform/once"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
	"github.com/fluentpro/fluentpro/internal/platform/redistest"
)

const (
	patience = 20 * time.Second // for what must happen at all; the machine may be busy
	issuer   = "https://fluentpro.test"
	audience = "fluentpro"
	lifetime = 15 * time.Minute
	password = "Correct-Horse-7"
)

var secret = bytes.Repeat([]byte{7}, 32)

// start is far from the real time, so that a clock which is not the given one shows.
var start = time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)

// A clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bench is a database with a service on it, and a clock to move.
type bench struct {
	*account.Service
	t     *testing.T
	url   string
	pool  *pgxpool.Pool
	clock *clock
	gate  *gate.Gate
}

// storedKey is a row of signing_keys; making one takes its time.
type storedKey struct {
	id     string
	sealed []byte
}

var firstKey struct {
	sync.Mutex
	storedKey
}

// setup gives a service whose signing key most tests share.
func setup(t *testing.T) *bench {
	t.Helper()
	b := bare(t)
	firstKey.Lock()
	defer firstKey.Unlock()
	if firstKey.id == "" {
		b.Service = b.service()
		firstKey.storedKey = b.newestKey()
		return b
	}
	b.insertKey(firstKey.storedKey)
	b.Service = b.service()
	return b
}

// bare is a bench without a service.
func bare(t *testing.T) *bench {
	t.Helper()
	url := postgrestest.URL(t)
	return &bench{t: t, url: url, pool: postgrestest.Pool(t, url), clock: &clock{now: start}, gate: gate.New(gate.Config{Client: redistest.Shared(t)})}
}

// config is that of a service, with the database's pool and the clock of b.
func (b *bench) config() account.Config {
	return account.Config{
		Pool: b.pool, Once: once.New(secret, b.clock.Now), TokenIssuer: issuer, TokenAudience: audience,
		AccessLifetime: lifetime, HashCost: account.HashCost{KiB: 64, Passes: 1}, Now: b.clock.Now, Logger: slog.New(slog.DiscardHandler), Gate: b.gate,
		Secrets:  account.Secrets{Signing: secret, Refresh: secret, Codes: secret, Pseudonyms: secret},
		Language: func(id string) (string, bool) { return id, id == "chinese_simplified" },
	}
}

// service is one more on the database, as another node is.
func (b *bench) service() *account.Service {
	b.t.Helper()
	return b.serviceWith(b.config())
}

func (b *bench) serviceWith(cfg account.Config) *account.Service {
	b.t.Helper()
	s, err := account.New(b.t.Context(), cfg)
	require.NoError(b.t, err)
	return s
}

// hurried is a service to which a table that is locked is a database that is away.
func (b *bench) hurried() *account.Service {
	b.t.Helper()
	pool, err := postgres.Open(b.t.Context(), postgres.Config{URL: b.url, StatementTimeout: 500 * time.Millisecond})
	require.NoError(b.t, err)
	b.t.Cleanup(pool.Close)
	cfg := b.config()
	cfg.Pool = pool
	return b.serviceWith(cfg)
}

// lock makes tables unreadable until the answer is called.
func (b *bench) lock(tables string) (unlock func()) {
	b.t.Helper()
	tx, err := b.pool.Begin(b.t.Context())
	require.NoError(b.t, err)
	_, err = tx.Exec(b.t.Context(), "lock table "+tables+" in access exclusive mode")
	require.NoError(b.t, err)
	var once sync.Once
	unlock = func() { once.Do(func() { require.NoError(b.t, tx.Rollback(context.Background())) }) }
	b.t.Cleanup(unlock)
	return unlock
}

func (b *bench) exec(sql string, args ...any) {
	b.t.Helper()
	_, err := b.pool.Exec(b.t.Context(), sql, args...)
	require.NoError(b.t, err)
}

func (b *bench) count(sql string, args ...any) (n int) {
	b.t.Helper()
	require.NoError(b.t, b.pool.QueryRow(b.t.Context(), sql, args...).Scan(&n))
	return n
}

// awaitWaiter returns once a statement waits for a lock.
func (b *bench) awaitWaiter() {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		return b.count("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") == 1
	}, patience, 5*time.Millisecond)
}

func newcomer(email string) account.SignUpInput {
	return account.SignUpInput{Email: email, Password: password, FullName: "Ada Lovelace"}
}

// join signs somebody up.
func (b *bench) join(email string) account.SignedIn {
	b.t.Helper()
	in, err := b.SignUp(b.t.Context(), newcomer(email))
	require.NoError(b.t, err)
	return in
}

func (b *bench) logIn(email, password string) (account.SignedIn, error) {
	return b.LogIn(b.t.Context(), account.LogInInput{Email: email, Password: password})
}

func (b *bench) newestKey() (k storedKey) {
	b.t.Helper()
	require.NoError(b.t, b.pool.QueryRow(b.t.Context(),
		"select id, sealed from signing_keys order by created_at desc limit 1").Scan(&k.id, &k.sealed))
	return k
}

func (b *bench) insertKey(k storedKey) {
	b.t.Helper()
	b.exec("insert into signing_keys (id, sealed, created_at) values ($1, $2, $3)", k.id, k.sealed, b.clock.Now())
}

// seal stores a private key as the service does.
func seal(t *testing.T, id string, der []byte) storedKey {
	t.Helper()
	nonce := bytes.Repeat([]byte{1}, 12)
	return storedKey{id, aead(t).Seal(nonce, nonce, der, []byte(id))}
}

// open is the opposite of seal.
func (k storedKey) open(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	der, err := aead(t).Open(nil, k.sealed[:12], k.sealed[12:], []byte(k.id))
	require.NoError(t, err)
	key, err := x509.ParsePKCS8PrivateKey(der)
	require.NoError(t, err)
	return key.(*rsa.PrivateKey)
}

func aead(t *testing.T) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher(secret)
	require.NoError(t, err)
	gcm, err := cipher.NewGCM(block)
	require.NoError(t, err)
	return gcm
}

// payload reads what a token says, without checking it.
func payload(t *testing.T, token string) (header map[string]any, claims jwt.MapClaims) {
	t.Helper()
	claims = jwt.MapClaims{}
	parsed, _, err := jwt.NewParser().ParseUnverified(token, claims)
	require.NoError(t, err)
	return parsed.Header, claims
}

func requireFault(t *testing.T, err error, code string, kind fault.Kind) *fault.Error {
	t.Helper()
	f := fault.Find(err)
	require.NotNil(t, f, "%v", err)
	require.Equal(t, code, f.Code, "%v", err)
	require.Equal(t, kind, f.Kind)
	return f
}

func requireRefused(t *testing.T, err error, _ ...string) {
	t.Helper()
	requireFault(t, err, "auth.invalid_token", fault.Unauthenticated)
}

func email(n int) string { return fmt.Sprintf("learner%d@example.com", n) }

func newID(t *testing.T) uuid.UUID {
	t.Helper()
	id, err := uuid.NewV7()
	require.NoError(t, err)
	return id
}

// authenticate asks s about an access token, without a limit.
func authenticate(t *testing.T, s *account.Service, token string) (account.Principal, error) {
	t.Helper()
	who, _, err := s.Authenticate(t.Context(), account.AuthenticateInput{Token: token})
	return who, err
}

// requireSession compares sessions as others see them.
func requireSession(t *testing.T, want, got account.Session) {
	t.Helper()
	require.Equal(t, want, account.PublicSession(got))
}
