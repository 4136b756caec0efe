package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/fluentpro/fluentpro/internal/budget"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/conversation/drill"
	"github.com/fluentpro/fluentpro/internal/platform/once"
)

// Drill breaks a conversation of a learner on purpose, in each way there is, and tells what
// came of it. Production refuses it: for moments it locks the versions of everybody. Faults:
// there is no Redis; drill.ErrFailed.
func (d *Desk) Drill(ctx context.Context, cfg Config, user uuid.UUID, logger *slog.Logger, tell func(drill.Result)) error {
	switch {
	case cfg.Env == Production:
		return errors.New("a drill breaks things on purpose, which FLUENTPRO_ENV=production refuses")
	case !d.Live():
		return errors.New("set FLUENTPRO_REDIS_URL: the drill has Redis lose things")
	}
	known, err := catalogue.New(ctx, catalogue.Deps{
		Pool: d.Pool, EmbeddingModel: cfg.EmbeddingModel, Dimensions: cfg.EmbeddingDimensions, Logger: logger, Now: time.Now,
	})
	if err != nil {
		return err
	}
	with := d.conversations
	with.Scenes, with.Once = scenes{known}, once.New(nil, time.Now)
	with.Budgets = budget.New(budget.Deps{Pool: d.Pool, Logger: logger, Now: time.Now})
	return drill.Run(ctx, drill.Config{
		Conversations: conversation.New(with), Pool: d.Pool, UserID: user, PartnerID: "suppliers", SituationID: "negotiations", Forget: d.forget,
	}, tell)
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
