package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/backup"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/task"
)

// backupPurpose names the secret that manifests of backups are signed with.
const backupPurpose = "backups"

// backupsFolder is where backups lie in the data folder unless a store is named.
const backupsFolder = "backups"

// blobURL is where backups lie.
func (c Config) blobURL() string {
	return cmp.Or(c.BlobURL.Reveal(), filepath.Join(c.DataDir, backupsFolder))
}

// backupWrong says what is wrong with the settings of backups.
func (c Config) backupWrong() map[string]string {
	out := map[string]string{}
	if _, err := backup.ParseRecipients(c.BackupRecipient); err != nil {
		out["FLUENTPRO_BACKUP_RECIPIENT"] = err.Error()
	}
	for name, d := range map[string]time.Duration{
		"FLUENTPRO_BACKUP_FULL_EVERY": c.BackupFullEvery, "FLUENTPRO_BACKUP_EVERY": c.BackupEvery, "FLUENTPRO_BACKUP_KEEP_FOR": c.BackupKeepFor,
	} {
		if d < 0 {
			out[name] = "must be a duration, or 0 for never"
		}
	}
	if c.BackupKeep < 0 {
		out["FLUENTPRO_BACKUP_KEEP"] = "must be a number of full backups, or 0 for any number"
	}
	return out
}

// newBackups makes backups of what they are made of. n must have conversations.
func newBackups(cfg Config, pool *pgxpool.Pool, n *nouns, d backup.Deps) (*backup.Service, error) {
	secret, err := cfg.derive(backupPurpose)
	if err != nil {
		return nil, fmt.Errorf("FLUENTPRO_KEY_ENCRYPTION_KEY %w", err)
	}
	if d.Recipients, err = backup.ParseRecipients(cfg.BackupRecipient); err != nil {
		return nil, fmt.Errorf("FLUENTPRO_BACKUP_RECIPIENT %w", err)
	}
	archive := account.NewArchive(pool)
	d.Pool, d.URL, d.Identity, d.Signing = pool, cfg.blobURL(), cfg.BackupIdentityFile, secret
	d.Parts, d.Erased = []backup.Part{usersPart(archive), n.conversationsPart()}, tombstones{archive}
	d.Schedule = backup.Schedule{FullEvery: cfg.BackupFullEvery, Every: cfg.BackupEvery, Keep: cfg.BackupKeep, KeepFor: cfg.BackupKeepFor}
	d.Release = releaseOf()
	return backup.New(d), nil
}

// usersPart is what backups keep of accounts: all of them in each, for they say of no change
// when it was made.
func usersPart(a *account.Archive) backup.Part {
	return backup.Part{
		Name: "users",
		Contents: "Every account: email, name, languages, roles, preferences and the hash of the password (Argon2id), or who it is at the identity provider; " +
			"so that learners can sign in again. No sessions.",
		Count: a.Count,
		Dump: func(ctx context.Context, tx postgres.Tx, _ *int64, put func(backup.Entry) error) (map[string]int64, error) {
			var n int64
			err := a.Dump(ctx, tx, func(id uuid.UUID, row json.RawMessage) error {
				n++
				return put(backup.Entry{ID: id, Data: row})
			})
			return map[string]int64{"users": n}, err
		},
		Check: func(w backup.Whole) ([]string, error) {
			_, err := account.ReadDumped(w.Layers[len(w.Layers)-1])
			return nil, err
		},
		Restore: func(ctx context.Context, in backup.PartRestore, things iter.Seq2[backup.Whole, error], tell func(backup.Told)) error {
			return usersRestore{a, in, tell}.run(ctx, things)
		},
	}
}

// What may become of an account in a restore, beside what may of conversations.
const emailTaken = "email_taken"

// usersBite is how many accounts are restored at once.
const usersBite = 500

// usersRestore brings accounts back.
type usersRestore struct {
	archive *account.Archive
	in      backup.PartRestore
	tell    func(backup.Told)
}

func (r usersRestore) run(ctx context.Context, things iter.Seq2[backup.Whole, error]) error {
	var bite []account.DumpedUser
	for w, err := range things {
		if err != nil {
			return err
		}
		u, err := account.ReadDumped(w.Layers[len(w.Layers)-1])
		if err != nil {
			return err
		}
		switch {
		case r.in.ConversationID != nil, r.in.UserID != nil && *r.in.UserID != u.ID: // a conversation needs its learner, who must be there
		case r.in.Skip(u.ID), u.ErasingAt != nil:
			r.tell(backup.Told{ID: u.ID, Outcome: conversation.Erased, Quiet: true})
		default:
			bite = append(bite, u)
		}
		if len(bite) == usersBite {
			if err := r.some(ctx, bite); err != nil {
				return err
			}
			bite = bite[:0]
		}
	}
	return r.some(ctx, bite)
}

func (r usersRestore) some(ctx context.Context, bite []account.DumpedUser) error {
	if len(bite) == 0 {
		return nil
	}
	there, back, err := r.archive.RestoreUsers(ctx, bite, r.in.Write)
	if err != nil {
		return err
	}
	for _, u := range bite {
		switch {
		case there[u.ID]:
			r.tell(backup.Told{ID: u.ID, Outcome: conversation.Unchanged, Quiet: true})
		case back[u.ID]:
			if !r.in.Write {
				r.in.Coming[u.ID] = struct{}{}
			}
			r.tell(backup.Told{ID: u.ID, Outcome: conversation.Restored, Quiet: true})
		default:
			r.tell(backup.Told{ID: u.ID, Outcome: emailTaken, Detail: "the email, or the account at the identity provider, belongs to another account now"})
		}
	}
	return nil
}

// conversationsPart is what backups keep of conversations.
func (n *nouns) conversationsPart() backup.Part {
	return backup.Part{
		Name:     "conversations",
		Contents: "Every conversation with all its versions, their texts, its messages and their earlier states, as learners and the model wrote them.",
		Count:    n.conversations.Count,
		Dump:     n.dumpConversations,
		Check: func(w backup.Whole) ([]string, error) {
			r, err := merged(w)
			if err != nil {
				return nil, err
			}
			var out []string
			for _, f := range r.Verify(time.Now()) {
				out = append(out, fmt.Sprintf("version %d breaks %s", f.Version, f.Rule))
			}
			return out, nil
		},
		Restore: n.restoreConversations,
	}
}

func (n *nouns) dumpConversations(ctx context.Context, tx postgres.Tx, since *int64, put func(backup.Entry) error) (map[string]int64, error) {
	counts, err := n.conversations.Dump(ctx, tx, since, func(d conversation.Dumped) error {
		e := backup.Entry{ID: d.ID, After: d.After}
		if d.Record != nil {
			var err error
			if e.Data, err = json.Marshal(d.Record); err != nil {
				return err
			}
		}
		return put(e)
	})
	return map[string]int64{"versions": counts.Versions, "messages": counts.Messages}, err
}

// merged makes a record of what a chain of backups holds of it.
func merged(w backup.Whole) (record.Record, error) {
	layers := make([]record.Record, len(w.Layers))
	for i, text := range w.Layers {
		if err := json.Unmarshal(text, &layers[i]); err != nil {
			return record.Record{}, fmt.Errorf("read a conversation of a backup: %w", err)
		}
	}
	return record.Merge(layers...), nil
}

func (n *nouns) restoreConversations(ctx context.Context, in backup.PartRestore, things iter.Seq2[backup.Whole, error], tell func(backup.Told)) error {
	found := false
	records := func(yield func(record.Record, error) bool) {
		for w, err := range things {
			if err == nil && in.ConversationID != nil && *in.ConversationID != w.ID {
				continue
			}
			var r record.Record
			if err == nil {
				found = true
				r, err = merged(w)
			}
			if !yield(r, err) {
				return
			}
		}
	}
	err := n.conversations.Restore(ctx, conversation.RestoreInput{
		Owns:   func(user uuid.UUID) bool { _, coming := in.Coming[user]; return coming },
		UserID: in.UserID, Version: in.Version, At: in.At, IncludeDeleted: in.IncludeDeleted, DryRun: !in.Write, Skip: in.Skip,
		ActorID: in.ActorID, Operator: in.Operator, TaskID: in.TaskID,
	}, records, func(o conversation.Outcome) { tell(backup.Told(o)) })
	if err == nil && in.ConversationID != nil && !found {
		tell(backup.Told{ID: *in.ConversationID, Outcome: "not_in_backup", Detail: "it was not there when the backup was made"})
	}
	return err
}

// tombstones gives backups the accounts that were erased.
type tombstones struct{ *account.Archive }

// Tombstones gives them all.
func (t tombstones) Tombstones(ctx context.Context) ([]backup.Tombstone, error) {
	list, err := t.Archive.Tombstones(ctx)
	out := make([]backup.Tombstone, len(list))
	for i, one := range list {
		out[i] = backup.Tombstone(one)
	}
	return out, err
}

// Bury keeps those that the database has lost.
func (t tombstones) Bury(ctx context.Context, list []backup.Tombstone) error {
	in := make([]account.Tombstone, len(list))
	for i, one := range list {
		in[i] = account.Tombstone(one)
	}
	return t.Archive.Bury(ctx, in)
}

// registerBackupTasks adds the tasks that make and restore backups.
func (n nouns) registerBackupTasks(r *job.Registry) {
	spec := job.Spec{Queue: job.QueueMaintenance, Timeout: backup.Timeout}
	task.Register(n.tasks, r, backup.BackupKind, spec, func(ctx context.Context, p *task.Progress, in backup.CreateInput) (any, error) {
		made, err := n.backups.Create(ctx, p, in)
		return map[string]any{"backup_id": made.ID, "kind": made.Kind, "bytes": made.Payload.Bytes}, err
	})
	task.Register(n.tasks, r, backup.RestoreKind, spec, func(ctx context.Context, p *task.Progress, in backup.RestoreInput) (any, error) {
		return n.backups.Restore(ctx, p, in, backup.RestoreBy{TaskID: &p.TaskID})
	})
}

// buryOutside keeps a tombstone beside the backups before an account goes.
func (n *nouns) buryOutside(ctx context.Context, user, task uuid.UUID) error {
	now := time.Now().UTC()
	return n.backups.KeepTombstone(ctx, backup.Tombstone{UserID: user, TaskID: task, RequestedAt: now, ErasedAt: now})
}

// releaseOf names the release that this binary is.
func releaseOf() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}
