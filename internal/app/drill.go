package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/backup"
	"github.com/fluentpro/fluentpro/internal/budget"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/conversation/drill"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/once"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Drill breaks a conversation of a learner on purpose, in each way there is, and tells what
// came of it. Production refuses it: for moments it locks the versions of everybody. Faults:
// there is no Redis; drill.ErrFailed.
func (d *Desk) Drill(ctx context.Context, cfg Config, user uuid.UUID, logger *slog.Logger, tell func(drill.Result)) error {
	switch {
	case cfg.Env == Production:
		return errors.New("a drill breaks things on purpose, which FLUENTPRO_ENV=production refuses")
	case !d.Live:
		return errors.New("set FLUENTPRO_REDIS_URL: the drill has Redis lose things")
	}
	known, err := catalogue.New(ctx, catalogue.Deps{
		Pool: d.Pool, EmbeddingModel: cfg.EmbeddingModel, Dimensions: cfg.EmbeddingDimensions, Logger: logger, Now: time.Now,
	})
	if err != nil {
		return err
	}
	with := d.conversations
	with.Scenes, with.Once, with.Learners = scenes{known}, once.New(nil, time.Now), drilled{}
	with.Budgets = budget.New(budget.Deps{Pool: d.Pool, Logger: logger, Now: time.Now})
	return drill.Run(ctx, drill.Config{
		Conversations: conversation.New(with), Pool: d.Pool, UserID: user, PartnerID: "suppliers", SituationID: "negotiations", Forget: d.forget,
		Backup: func(ctx context.Context) (string, error) { return d.truncated(ctx, logger) },
	}, tell)
}

// truncated makes a small backup in a folder of its own, takes its end away, and gives the
// code of the fault by which that is found; "": it was not.
func (d *Desk) truncated(ctx context.Context, logger *slog.Logger) (string, error) {
	folder, err := os.MkdirTemp("", "drill")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return "", err
	}
	signing := make([]byte, 32)
	_, _ = rand.Read(signing) // it never fails
	small := backup.Part{
		Name: "drill", Contents: "A line for a drill.",
		Count: func(context.Context, postgres.Tx) (int64, error) { return 1, nil },
		Dump: func(_ context.Context, _ postgres.Tx, _ *int64, put func(backup.Entry) error) (map[string]int64, error) {
			return map[string]int64{"lines": 1}, put(backup.Entry{ID: uuid.New(), Data: json.RawMessage(`"a line"`)})
		},
	}
	backups := backup.New(backup.Deps{
		Pool: d.Pool, URL: folder, Recipients: []age.Recipient{identity.Recipient()}, Signing: signing, Parts: []backup.Part{small},
		Erased: tombstones{account.NewArchive(d.Pool)}, Logger: logger, Now: time.Now,
	})
	defer backups.Close()
	made, err := backups.Create(ctx, backup.Unseen{}, backup.CreateInput{Format: 1, Full: true})
	if err != nil {
		return "", err
	}
	if _, err := backups.Verify(ctx, backup.Unseen{}, made.ID, nil); err != nil {
		return "", err
	}
	if err := os.Truncate(filepath.Join(folder, made.Object()), made.Payload.Bytes-1); err != nil {
		return "", err
	}
	_, err = backups.Verify(ctx, backup.Unseen{}, made.ID, nil)
	if found := fault.Find(err); found != nil {
		return found.Code, nil
	}
	return "", err
}

// forget has Redis lose all that names a conversation.
func (d *Desk) forget(ctx context.Context, id uuid.UUID) error {
	lose := func(ctx context.Context, node *redis.Client) error {
		keys := node.Scan(ctx, 0, "*"+id.String()+"*", 1000).Iterator()
		for keys.Next(ctx) {
			if err := node.Del(ctx, keys.Val()).Err(); err != nil {
				return err
			}
		}
		return keys.Err()
	}
	if many, ok := d.redis.(*redis.ClusterClient); ok {
		return many.ForEachMaster(ctx, lose)
	}
	one, _ := d.redis.(*redis.Client) // openRedis makes nothing else
	return lose(ctx, one)
}

// drilled is the learner of a drill, of whom no model need know anything.
type drilled struct{}

// Learner tells a name.
func (drilled) Learner(context.Context, uuid.UUID) (conversation.Learner, error) {
	return conversation.Learner{FullName: "Corruption drill"}, nil
}
