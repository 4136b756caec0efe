package catalogue_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/devstack"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
	"github.com/fluentpro/fluentpro/migrations"
)

const (
	patience = time.Minute
	model    = "test-embedding"
)

// bundle is one node with a database and a model server.
type bundle struct {
	t     testing.TB
	url   string
	pool  *pgxpool.Pool
	model *partner.Server
	base  string
	jobs  *inserted
	logs  *logs
	*catalogue.Service
}

// inserted counts the jobs that were inserted; no worker does them.
type inserted struct {
	mu    sync.Mutex
	kinds []string
}

// Insert notes a job.
func (i *inserted) Insert(_ context.Context, _ postgres.Tx, args job.Args) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.kinds = append(i.kinds, args.Kind())
	return nil
}

// logs keeps what is logged.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write takes a line.
func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// String is what was logged so far.
func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start gives a node on a seeded database without an index.
func start(t *testing.T) *bundle {
	t.Helper()
	return on(t, postgrestest.URL(t, catalogue.Seed))
}

func on(t testing.TB, url string) *bundle {
	t.Helper()
	b := &bundle{t: t, url: url, model: partner.New(partner.Config{}), jobs: &inserted{}, logs: &logs{}}
	server := httptest.NewServer(b.model)
	t.Cleanup(func() { b.model.Close(); server.Close() })
	b.base = server.URL + "/v1"
	b.pool = postgrestest.Pool(t, b.url)
	b.Service = b.node(model)
	return b
}

// indexed is start with the index built: once, for all tests.
func indexed(t *testing.T) *bundle {
	t.Helper()
	url, drop, err := devstack.CloneDatabase(t.Context(), postgrestest.AdminURL(t), indexedKey(), func(ctx context.Context, url string) error {
		pool, err := postgres.Open(ctx, postgres.Config{URL: url})
		if err != nil {
			return err
		}
		if err := postgres.Migrate(ctx, pool, migrations.FS, slog.New(slog.DiscardHandler)); err != nil {
			return err
		}
		if err := catalogue.Seed(ctx, pool); err != nil {
			return err
		}
		pool.Close()
		b := on(t, url)
		defer b.pool.Close()
		return b.Index(ctx)
	})
	require.NoError(t, err)
	t.Cleanup(drop)
	return on(t, url)
}

// indexedKey names the template; everything that an index is made of is part of it.
var indexedKey = sync.OnceValue(func() string {
	sum := sha256.New()
	fmt.Fprint(sum, catalogue.SeedText(), partner.EmbeddingVersion)
	for _, folder := range []fs.FS{migrations.FS, os.DirFS(".")} {
		_ = fs.WalkDir(folder, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := fs.ReadFile(folder, path)
			fmt.Fprintf(sum, "%s\n%s\n", path, text)
			return err
		})
	}
	return "catalogue/" + hex.EncodeToString(sum.Sum(nil))
})

// node is one more node on the same database, with an embedding model of this name.
func (b *bundle) node(embedding string) *catalogue.Service {
	b.t.Helper()
	pool := postgrestest.Pool(b.t, b.url)
	embedder := llm.NewEmbedder(llm.EmbedConfig{BaseURL: b.base, MaxAttempts: 1, Breaker: llm.BreakerConfig{Failures: 1000}})
	b.t.Cleanup(embedder.Close)
	client := llm.New(llm.Config{BaseURL: b.base, Model: "test", MaxAttempts: 1})
	b.t.Cleanup(client.Close)
	s, err := catalogue.New(b.t.Context(), catalogue.Deps{
		Pool: pool, Embedder: embedder, EmbeddingModel: embedding, Model: client, Jobs: b.jobs,
		Logger: slog.New(slog.NewTextHandler(b.logs, nil)), Now: time.Now,
	})
	require.NoError(b.t, err)
	return s
}

// match asks for the roles that fit a job.
func (b *bundle) match(industry, title, description string) catalogue.Matches {
	b.t.Helper()
	found, err := b.Match(b.t.Context(), catalogue.MatchInput{IndustryID: industry, Title: title, Description: description, Language: "en"})
	require.NoError(b.t, err)
	return found
}

// learner makes an account and gives its id.
func (b *bundle) learner() uuid.UUID {
	b.t.Helper()
	id := uuid.Must(uuid.NewV7())
	exec(b.t, b.pool, fmt.Sprintf(`insert into users (id, email, full_name, password_hash, created_at, updated_at)
		values ('%s', '%s@example.com', 'Mei Chen', 'x', now(), now())`, id, id))
	return id
}

// custom stores a role of a learner's own.
func (b *bundle) custom(author uuid.UUID, title, description string) catalogue.Composed {
	b.t.Helper()
	made, err := b.Compose(b.t.Context(), catalogue.ComposeInput{
		UserID: author, IndustryID: "banking_finance", Title: title, Description: description, Language: "en",
	})
	require.NoError(b.t, err)
	require.NoError(b.t, postgres.InTx(b.t.Context(), b.pool, func(tx postgres.Tx) error { return b.Insert(b.t.Context(), tx, made) }))
	return made
}

// titles are the roles of an answer in English.
func titles(found catalogue.Matches) []string {
	all := []string{}
	for _, m := range found.Matches {
		all = append(all, m.Role.Title.In("en"))
	}
	return all
}
