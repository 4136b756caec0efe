package backup_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/backup"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
)

// boxes are what is backed up here: each has words, to which more are added.
const boxes = `create table words (box uuid, n bigint, word text not null,
	transaction bigint not null default pg_current_xact_id()::text::bigint, primary key (box, n))`

// rotten is a word that no box should hold.
const rotten = "rotten"

// bench is a service whose parts are boxes, and what the test knows of it.
type bench struct {
	*backup.Service
	t          *testing.T
	pool       *pgxpool.Pool
	folder     string // of the store
	identities []age.Identity
	clock      atomic.Int64 // seconds that time has been moved on
	graves     graves
}

// setup gives one. Changes are made to what it is made of.
func setup(t *testing.T, changes ...func(*backup.Deps)) *bench {
	t.Helper()
	b := &bench{t: t, pool: newDatabase(t), folder: t.TempDir()}
	file := filepath.Join(t.TempDir(), "identity")
	recipient, err := backup.NewIdentity(file)
	require.NoError(t, err)
	b.identities, err = backup.Identities(file)
	require.NoError(t, err)
	recipients, err := backup.ParseRecipients(recipient)
	require.NoError(t, err)
	d := backup.Deps{
		Pool: b.pool, URL: b.folder, Recipients: recipients, Signing: make([]byte, 32), Parts: []backup.Part{part(b.pool)}, Erased: &b.graves,
		Release: "v1.0.0", Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Now().Add(time.Duration(b.clock.Load()) * time.Second) },
	}
	for _, change := range changes {
		change(&d)
	}
	b.Service = backup.New(d)
	t.Cleanup(b.Close)
	return b
}

func newDatabase(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := postgrestest.Open(t)
	_, err := pool.Exec(t.Context(), boxes)
	require.NoError(t, err)
	return pool
}

// part keeps boxes: in an increment the words that were added.
func part(pool *pgxpool.Pool) backup.Part {
	return backup.Part{
		Name: "boxes", Contents: "Words in boxes.",
		Count: func(ctx context.Context, tx postgres.Tx) (n int64, err error) {
			return n, tx.QueryRow(ctx, "select count(distinct box) from words").Scan(&n)
		},
		Dump: func(ctx context.Context, tx postgres.Tx, since *int64, put func(backup.Entry) error) (map[string]int64, error) {
			rows, err := tx.Query(ctx, `select box, coalesce(min(n) filter (where transaction >= coalesce($1, 0)) - 1, 0),
				json_agg(word order by n) filter (where transaction >= coalesce($1, 0)) from words group by box order by box`, since)
			if err != nil {
				return nil, err
			}
			list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e backup.Entry, err error) {
				return e, row.Scan(&e.ID, &e.After, &e.Data)
			})
			for _, e := range list {
				err = errors.Join(err, put(e))
			}
			return map[string]int64{"boxes": int64(len(list))}, err
		},
		Check: func(w backup.Whole) ([]string, error) {
			words, err := wordsOf(w)
			if slices.Contains(words, rotten) {
				return []string{"holds what is rotten"}, err
			}
			return nil, err
		},
		Restore: func(ctx context.Context, in backup.PartRestore, things iter.Seq2[backup.Whole, error], tell func(backup.Told)) error {
			for w, err := range things {
				if err != nil {
					return err
				}
				if in.Skip(w.ID) {
					tell(backup.Told{ID: w.ID, Outcome: "erased", Quiet: true})
					continue
				}
				words, err := wordsOf(w)
				if err == nil && in.Write {
					_, err = pool.Exec(ctx, "insert into words (box, n, word) select $1, n, word from unnest($2::text[]) with ordinality as w (word, n) on conflict do nothing", w.ID, words)
				}
				if err != nil {
					return err
				}
				tell(backup.Told{ID: w.ID, Outcome: "restored"})
			}
			return nil
		},
	}
}

func wordsOf(w backup.Whole) (words []string, err error) {
	for _, layer := range w.Layers {
		var more []string
		err = errors.Join(err, json.Unmarshal(layer, &more))
		words = append(words, more...)
	}
	return words, err
}

// say puts a word into a box and gives the box; nil: a new one.
func (b *bench) say(box *uuid.UUID, word string) uuid.UUID {
	b.t.Helper()
	if box == nil {
		made := uuid.Must(uuid.NewV7())
		box = &made
	}
	_, err := b.pool.Exec(b.t.Context(), "insert into words (box, n, word) select $1, count(*) + 1, $2 from words where box = $1", box, word)
	require.NoError(b.t, err)
	return *box
}

// said is what is in boxes.
func (b *bench) said() map[string][]string {
	b.t.Helper()
	rows, err := b.pool.Query(b.t.Context(), "select box::text, array_agg(word order by n) from words group by box")
	require.NoError(b.t, err)
	out := map[string][]string{}
	var box string
	var words []string
	_, err = pgx.ForEachRow(rows, []any{&box, &words}, func() error {
		out[box] = slices.Clone(words)
		return nil
	})
	require.NoError(b.t, err)
	return out
}

// forget empties the database.
func (b *bench) forget() {
	b.t.Helper()
	_, err := b.pool.Exec(b.t.Context(), "delete from words")
	require.NoError(b.t, err)
}

// make makes a backup, a day after the one before.
func (b *bench) make(full bool) backup.Manifest {
	b.t.Helper()
	m, err := b.Create(b.t.Context(), steps(nil), backup.CreateInput{Full: full})
	require.NoError(b.t, err)
	return m
}

func (b *bench) restore(id uuid.UUID) (backup.Report, error) {
	b.t.Helper()
	return b.Restore(b.t.Context(), steps(nil), backup.RestoreInput{BackupID: id, Write: true}, backup.RestoreBy{Identities: b.identities})
}

func (b *bench) payload(m backup.Manifest) string {
	return filepath.Join(b.folder, "backups", m.ID.String()+".ndjson.zst.age")
}

func (b *bench) manifest(m backup.Manifest) string {
	return filepath.Join(b.folder, "backups", m.ID.String()+".json")
}

// change rewrites a file of the store.
func (b *bench) change(path string, how func([]byte) []byte) {
	b.t.Helper()
	text, err := os.ReadFile(path) //nolint:gosec // the test's own
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(path, how(text), 0o600))
}

// steps takes progress, and does something at each step.
type steps func()

func (steps) Total(int64) {}

func (s steps) Add(int64) {
	if s != nil {
		s()
	}
}

// graves are accounts that were erased.
type graves struct{ list []backup.Tombstone }

func (g *graves) Tombstones(context.Context) ([]backup.Tombstone, error) { return g.list, nil }

func (g *graves) Bury(_ context.Context, list []backup.Tombstone) error {
	g.list = append(g.list, list...)
	return nil
}
