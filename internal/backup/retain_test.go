package backup_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/backup"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

const day = 24 * time.Hour

// kept lists what is there, oldest first, and looks whether each is whole.
func (b *bench) kept() (out []uuid.UUID) {
	b.t.Helper()
	list, more, err := b.List(b.t.Context(), nil, 100)
	require.NoError(b.t, err)
	require.False(b.t, more)
	for _, one := range list {
		require.Empty(b.t, one.Problem)
		out = append([]uuid.UUID{one.ID}, out...)
	}
	return out
}

func TestRetentionByCountTakesWholeChains(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *backup.Deps) { d.Schedule = backup.Schedule{Keep: 2} })
	b.say(nil, "one")
	var made []uuid.UUID
	for i := range 9 { // three chains of three
		made = append(made, b.make(i%3 == 0).ID)
	}
	deleted, err := b.Retain(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, deleted)
	require.Equal(t, made[3:], b.kept())
	files, err := os.ReadDir(filepath.Join(b.folder, "backups"))
	require.NoError(t, err)
	require.Len(t, files, 12, "payloads go with their manifests")
	deleted, err = b.Retain(t.Context())
	require.NoError(t, err)
	require.Zero(t, deleted)
}

func TestRetentionByAgeKeepsTheNewestThatIsWhole(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *backup.Deps) { d.Schedule = backup.Schedule{KeepFor: 30 * day} })
	b.say(nil, "one")
	whole, newer := b.make(true), b.make(true)
	b.clock.Store(int64((31 * day).Seconds()))
	b.change(b.payload(newer), func(text []byte) []byte { text[100] ^= 1; return text })
	_, err := b.Retain(t.Context())
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{whole.ID}, b.kept(), "the older one is the newest that can be restored")
}

func TestWhenNothingIsWholeNothingIsDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *backup.Deps) { d.Schedule = backup.Schedule{Keep: 1} })
	b.say(nil, "one")
	for range 3 {
		b.change(b.payload(b.make(true)), func(text []byte) []byte { text[100] ^= 1; return text })
	}
	deleted, err := b.Retain(t.Context())
	require.NoError(t, err)
	require.Zero(t, deleted)
	require.Len(t, b.kept(), 3)
}

// A node that dies in the middle leaves a payload without a manifest, which is no backup; after
// a day it goes.
func TestWhatABrokenOffBackupLeavesIsNoBackup(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say(nil, "one")
	m := b.make(false)
	half := b.make(true)
	require.NoError(t, os.Remove(b.manifest(half)))
	require.Equal(t, []uuid.UUID{m.ID}, b.kept())
	_, err := b.Retain(t.Context())
	require.NoError(t, err)
	require.FileExists(t, b.payload(half), "somebody may be writing it")
	b.clock.Store(int64((2 * day).Seconds()))
	_, err = b.Retain(t.Context())
	require.NoError(t, err)
	require.NoFileExists(t, b.payload(half))
	require.FileExists(t, b.payload(m))

	over, stop := context.WithCancel(t.Context())
	_, err = b.Create(over, steps(stop), backup.CreateInput{Full: true})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []uuid.UUID{m.ID}, b.kept())
}

// The database's clock says when a backup was made, the service's when one is due.
func TestTheScheduleMakesFullOnesAndIncrements(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *backup.Deps) { d.Schedule = backup.Schedule{FullEvery: 7 * day, Every: day, Keep: 1} })
	b.say(nil, "one")
	kinds := func() (out []string) {
		list, _, err := b.List(t.Context(), nil, 100)
		require.NoError(t, err)
		for _, one := range list {
			out = append(out, one.Kind)
		}
		return out
	}
	require.NoError(t, b.RunDue(t.Context()))
	require.Equal(t, []string{backup.Full}, kinds())
	require.NoError(t, b.RunDue(t.Context()))
	require.Len(t, kinds(), 1, "nothing is due yet")
	b.clock.Store(int64(day.Seconds()) + 60)
	require.NoError(t, b.RunDue(t.Context()))
	require.Equal(t, []string{backup.Incremental, backup.Full}, kinds())
	b.clock.Store(int64((7 * day).Seconds()) + 60)
	require.NoError(t, b.RunDue(t.Context()))
	require.Equal(t, []string{backup.Full}, kinds(), "the chain before went with the count")
}

func TestWhoWasErasedIsNotBroughtBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	gone, stays := b.say(nil, "hers"), b.say(nil, "his")
	m := b.make(false)
	require.NoError(t, b.KeepTombstone(t.Context(), backup.Tombstone{UserID: gone, TaskID: uuid.New(), ErasedAt: time.Now()}))
	b.forget()
	dry, err := b.Restore(t.Context(), steps(nil), backup.RestoreInput{BackupID: m.ID}, backup.RestoreBy{Identities: b.identities})
	require.NoError(t, err)
	require.False(t, dry.Written)
	require.Empty(t, b.graves.list, "a dry run changes nothing")
	require.Empty(t, b.said())
	report, err := b.restore(m.ID)
	require.NoError(t, err)
	require.Equal(t, dry.Parts, report.Parts)
	require.Equal(t, 1, report.Erased)
	require.Equal(t, map[string]int64{"erased": 1, "restored": 1}, report.Parts[0].Outcomes)
	require.Equal(t, map[string][]string{stays.String(): {"his"}}, b.said())
	require.Equal(t, gone, b.graves.list[0].UserID, "the database learns of it again")
}

// The database alone knows of an erasure that no backup has followed yet.
func TestTombstonesOfTheDatabaseCountAndAreKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	gone := b.say(nil, "hers")
	m := b.make(false)
	b.graves.list = []backup.Tombstone{{UserID: gone}}
	b.forget()
	_, err := b.restore(m.ID)
	require.NoError(t, err)
	require.Empty(t, b.said())
	b.make(false)
	require.FileExists(t, filepath.Join(b.folder, "tombstones", gone.String()+".json"))
}

func TestARestoreMayBeBrokenOffAndDoneAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 5 {
		b.say(nil, "word")
	}
	whole := b.said()
	m := b.make(false)
	b.forget()
	over, stop := context.WithCancel(t.Context())
	n := 0
	_, err := b.Restore(over, steps(func() {
		if n++; n == 3 {
			stop()
		}
	}), backup.RestoreInput{BackupID: m.ID, Write: true}, backup.RestoreBy{Identities: b.identities})
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, b.said(), 2)
	_, err = b.restore(m.ID)
	require.NoError(t, err)
	require.Equal(t, whole, b.said())
}

func TestAStoreThatIsAwayIsSaid(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, url := range map[string]string{
		"no directory can be there": filepath.Join(file, "backups"),
		"nobody answers":            "s3://backups?region=us-east-1&use_path_style=true&endpoint=http://127.0.0.1:1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(d *backup.Deps) {
				d.URL, d.Schedule = url, backup.Schedule{FullEvery: day}
			})
			_, made := b.Create(t.Context(), steps(nil), backup.CreateInput{})
			_, _, listed := b.List(t.Context(), nil, 1)
			for _, err := range []error{made, listed, b.RunDue(t.Context())} {
				f := fault.Find(err)
				require.NotNil(t, f, "%v", err)
				require.Equal(t, "backup.store_unavailable", f.Code)
				require.NotZero(t, f.RetryAfter)
			}
		})
	}
}

func TestWhatCannotBeAskedForTogetherIsRefused(t *testing.T) {
	t.Parallel()
	id, now := uuid.New(), time.Now()
	for pointer, in := range map[string]backup.RestoreInput{
		"/version": {Version: 3},
		"/at":      {Version: 3, At: &now, ConversationID: &id},
		"/user_id": {UserID: &id, ConversationID: &id},
	} {
		f := fault.Find(backup.CheckRestore(in))
		require.NotNil(t, f)
		require.Equal(t, "backup.invalid_restore", f.Code)
		require.Equal(t, pointer, f.Fields[0].Pointer)
	}
	require.NoError(t, backup.CheckRestore(backup.RestoreInput{ConversationID: &id, Version: 3}))
}
