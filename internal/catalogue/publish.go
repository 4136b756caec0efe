package catalogue

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Publish shows a custom role to everybody of its industry. By its words it is found on
// every node from the commit on; its meaning is embedded first, or by a job when the
// model is down. Publishing it again changes nothing. Faults: resource.not_found.
func (s *Service) Publish(ctx context.Context, id uuid.UUID) (Role, error) {
	vector := s.embedForIndex(ctx, id)
	var role Role
	err := postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) (err error) {
		if role, err = roleForUpdate(ctx, tx, id); err != nil || role.Published {
			return err
		}
		now := s.clock()
		if err := publishRole(ctx, tx, &role, now); err != nil {
			return err
		}
		if err := vector.store(ctx, tx, role); err != nil {
			return err
		}
		if vector == nil {
			if err := s.jobs.Insert(ctx, tx, indexArgs{}); err != nil {
				return err
			}
		}
		return outbox.Write(ctx, tx, now, role.ID, events.RolePublished{RoleID: role.ID, IndustryID: role.IndustryID})
	})
	if err != nil {
		return Role{}, err
	}
	if err := s.refreshInTime(ctx); err != nil {
		s.logger.WarnContext(ctx, "reference data may be old", slog.Any("error", err))
	}
	return role, nil
}

// indexVector is the vector of a role for the index that serves.
type indexVector struct {
	index  uuid.UUID
	hash   []byte
	vector []float32
}

// embedForIndex embeds a role that is to be published; nil when that cannot be had now.
func (s *Service) embedForIndex(ctx context.Context, id uuid.UUID) *indexVector {
	serving, err := s.store.servingIndex(ctx)
	if err != nil || serving.id == uuid.Nil {
		return nil
	}
	roles, err := s.store.rolesByID(ctx, []uuid.UUID{id})
	if err != nil || len(roles) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, embedTimeout, errEmbedSlow)
	defer cancel()
	vectors, err := s.embedder.Embed(ctx, serving.model, []string{roles[0].embedText()})
	if err != nil {
		s.logger.WarnContext(ctx, "a published role is embedded later", slog.Any("error", err))
		return nil
	}
	return &indexVector{serving.id, roles[0].textHash, vectors[0]}
}

func (v *indexVector) store(ctx context.Context, tx postgres.Tx, role Role) error {
	if v == nil {
		return nil
	}
	if err := putVector(ctx, tx, v.index, role.ID, v.hash, v.vector); err != nil {
		return fmt.Errorf("publish role %s: %w", role.ID, err)
	}
	return nil
}
