package backup_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/backup"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

func TestAChainBringsEverythingBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, gone := b.say(nil, "one"), b.say(nil, "gone")
	full := b.make(false)
	require.Equal(t, backup.Full, full.Kind)
	require.EqualValues(t, 2, full.Parts[0].Things)
	b.say(&first, "two")
	second := b.say(nil, "new")
	_, err := b.pool.Exec(t.Context(), "delete from words where box = $1", gone)
	require.NoError(t, err)
	middle := b.make(false)
	require.Equal(t, backup.Incremental, middle.Kind)
	require.Equal(t, full.ID, *middle.ParentID)
	require.EqualValues(t, 2, middle.Parts[0].Changed)
	b.say(&first, "three")
	newest := b.make(false)
	require.Equal(t, middle.ID, *newest.ParentID)
	changed := newest.Parts[0].Changed // what some other transaction of the cluster was open beside is in both
	require.True(t, changed == 1 || changed == 2, "%d", changed)

	for id, notAfter := range map[uuid.UUID]*time.Time{newest.ID: nil, middle.ID: &middle.AsOf, full.ID: &full.AsOf} {
		found, err := b.Newest(t.Context(), notAfter)
		require.NoError(t, err)
		require.Equal(t, id, found)
	}
	before := full.AsOf.Add(-1)
	_, err = b.Newest(t.Context(), &before)
	require.Equal(t, "resource.not_found", fault.Find(err).Code)

	whole := b.said()
	v, err := b.Verify(t.Context(), steps(nil), newest.ID, b.identities)
	require.NoError(t, err)
	require.Len(t, v.Backups, 3)
	require.EqualValues(t, 2, v.Things)
	require.Zero(t, v.Findings)
	b.forget()
	report, err := b.restore(newest.ID)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"restored": 2}, report.Parts[0].Outcomes)
	require.Equal(t, whole, b.said())

	b.forget()
	_, err = b.restore(middle.ID)
	require.NoError(t, err)
	require.Equal(t, map[string][]string{first.String(): {"one", "two"}, second.String(): {"new"}}, b.said(), "what was gone then is not there")
	b.forget()
	_, err = b.restore(full.ID)
	require.NoError(t, err)
	require.Equal(t, map[string][]string{first.String(): {"one"}, gone.String(): {"gone"}}, b.said())
}

func TestABackupIsOneMomentWhileWritersGoOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var ids []uuid.UUID
	for range 5 {
		ids = append(ids, b.say(nil, "before"))
	}
	before := b.said()
	m, err := b.Create(t.Context(), steps(func() {
		for _, id := range ids {
			b.say(&id, "meanwhile")
		}
		b.say(nil, "meanwhile")
	}), backup.CreateInput{})
	require.NoError(t, err)
	after := b.said()
	require.NotEqual(t, before, after)
	later := b.make(false)
	require.EqualValues(t, 10, later.Parts[0].Changed, "what came meanwhile is in the next")
	b.forget()
	_, err = b.restore(m.ID)
	require.NoError(t, err)
	require.Equal(t, before, b.said())
	b.forget()
	_, err = b.restore(later.ID)
	require.NoError(t, err)
	require.Equal(t, after, b.said())
}

// A transaction that was open when a backup was made commits after it: what it wrote, with a
// number older than the backup's, is in the next.
func TestWhatWasOpenDuringABackupIsInTheNext(t *testing.T) {
	t.Parallel()
	b := setup(t)
	box := b.say(nil, "one")
	tx, err := b.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "insert into words (box, n, word) values ($1, 2, 'two')", box)
	require.NoError(t, err)
	b.say(nil, "other")
	b.make(false)
	require.NoError(t, tx.Commit(t.Context()))
	next := b.make(false)
	require.Equal(t, backup.Incremental, next.Kind)
	whole := b.said()
	b.forget()
	_, err = b.restore(next.ID)
	require.NoError(t, err)
	require.Equal(t, whole, b.said())
}

func TestNobodyButTheRecipientReadsABackup(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say(nil, strings.Repeat("secret", 100))
	m := b.make(false)
	text, err := os.ReadFile(b.payload(m))
	require.NoError(t, err)
	require.NotContains(t, string(text), "secret")
	require.True(t, bytes.HasPrefix(text, []byte("age-encryption.org/v1")))
	text, err = os.ReadFile(b.manifest(m))
	require.NoError(t, err)
	require.NotContains(t, string(text), "secretsecret")
	require.Contains(t, string(text), "Words in boxes.", "what is inside is said plainly")
	require.Contains(t, string(text), "Not inside: ")

	_, err = b.Restore(t.Context(), steps(nil), backup.RestoreInput{BackupID: m.ID}, backup.RestoreBy{})
	require.Equal(t, "backup.no_identity", fault.Find(err).Code, "the server cannot read it")
	other, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	_, err = b.Verify(t.Context(), steps(nil), m.ID, []age.Identity{other})
	require.Equal(t, "backup.wrong_identity", fault.Find(err).Code)
	_, err = b.Verify(t.Context(), steps(nil), m.ID, nil)
	require.NoError(t, err, "that it is unchanged can be told without")
}

func TestWithoutARecipientThereIsNoBackup(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *backup.Deps) { d.Recipients = nil })
	_, err := b.Create(t.Context(), steps(nil), backup.CreateInput{})
	require.Equal(t, "backup.no_recipient", fault.Find(err).Code)
	require.NoError(t, b.RunDue(t.Context()))
	entries, err := os.ReadDir(b.folder)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestOneBackupIsMadeAtATime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say(nil, "one")
	var second error
	_, err := b.Create(t.Context(), steps(func() {
		_, second = b.Create(t.Context(), steps(nil), backup.CreateInput{})
	}), backup.CreateInput{})
	require.NoError(t, err)
	require.Equal(t, "backup.running", fault.Find(second).Code)
	list, _, err := b.List(t.Context(), nil, 10)
	require.NoError(t, err)
	require.Len(t, list, 1)
}

// Whatever an increment cannot build upon gives a full backup, which says why.
func TestAFullBackupIsMadeWhereAnIncrementWouldNotHold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say(nil, "one")
	first := b.make(false)
	require.Equal(t, "it is the first", first.Why)
	require.Equal(t, "it was asked for", b.make(true).Why)

	damaged := b.make(false)
	require.Equal(t, backup.Incremental, damaged.Kind)
	b.change(b.payload(damaged), func(text []byte) []byte { return text[:len(text)-1] })
	next := b.make(false)
	require.Equal(t, backup.Full, next.Kind)
	require.Contains(t, next.Why, damaged.ID.String())

	other := setup(t, func(d *backup.Deps) { d.URL = b.folder })
	other.say(nil, "two")
	foreign := other.make(false)
	require.Equal(t, backup.Full, foreign.Kind)
	require.Contains(t, foreign.Why, "another database")
}
