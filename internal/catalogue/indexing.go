package catalogue

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

const (
	embedBatch    = 64             // roles embedded at once
	unfinishedFor = 24 * time.Hour // after which an index that was begun is given up
	indexEvery    = time.Minute    // how often it is looked whether roles lack a vector
	indexTimeout  = 30 * time.Minute
)

// indexArgs is the job that keeps the index whole.
type indexArgs struct{}

// Kind names the job.
func (indexArgs) Kind() string { return "catalogue.index_roles" }

// RegisterJobs adds what the catalogue does in the background.
func (s *Service) RegisterJobs(r *job.Registry) {
	job.Register(r, job.Spec{Queue: job.QueueOnboarding, Timeout: indexTimeout, Unique: true},
		func(ctx context.Context, _ job.Run, _ indexArgs) error { return s.Index(ctx) })
	job.Every(r, indexEvery, indexArgs{})
}

// AskIndexed has the index made whole soon if it is not: at the first start, and when
// another embedding model is configured.
func (s *Service) AskIndexed(ctx context.Context) error {
	serving, err := s.store.servingIndex(ctx)
	if err != nil || s.suits(serving) {
		return err
	}
	return postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error { return s.jobs.Insert(ctx, tx, indexArgs{}) })
}

// Index makes the index whole: of the model that is configured, with every published
// role in it. It does only what is missing; one that another model made serves until
// the new one is whole.
func (s *Service) Index(ctx context.Context) error {
	serving, err := s.store.servingIndex(ctx)
	if err != nil {
		return err
	}
	if s.suits(serving) {
		return s.embedMissing(ctx, serving.id, nil, func(tx postgres.Tx) error { return bump(ctx, tx) })
	}
	id, err := s.store.unfinishedIndex(ctx, s.wanted)
	if err != nil {
		return err
	}
	if id == uuid.Nil {
		if id, err = uuid.NewV7(); err != nil {
			return err
		}
	}
	_, err = s.build(ctx, id, nil)
	return err
}

// servingIndex is the index that serves.
type servingIndex struct {
	id        uuid.UUID // none: there is no index
	model     string
	dimension int
}

// suits says whether an index is of the model that is configured.
func (s *Service) suits(i servingIndex) bool {
	return i.id != uuid.Nil && i.model == s.wanted && (s.length == 0 || s.length == i.dimension)
}

// ReindexKind is the kind of the task that builds the index anew.
const ReindexKind = "role_reindex"

// ReindexInput is the task's input, which nodes of neighbouring releases read.
type ReindexInput struct {
	Format int `json:"v"` // 1
}

// Progress takes how far the building has come, in roles.
type Progress interface {
	Total(n int64)
	Add(n int64)
}

// Reindexed is what came of building an index.
type Reindexed struct {
	Roles     int64  `json:"roles"`
	Model     string `json:"model"`
	Dimension int    `json:"dimension"`
}

// Reindex reads the words of every published role again, embeds each anew and puts
// the new index in the place of the one before. id names the index: a run that comes
// again with it goes on with the roles that are left.
func (s *Service) Reindex(ctx context.Context, p Progress, id uuid.UUID) (Reindexed, error) {
	if err := s.store.rewriteTerms(ctx); err != nil {
		return Reindexed{}, err
	}
	return s.build(ctx, id, p)
}

// build fills an index and lets it serve.
func (s *Service) build(ctx context.Context, id uuid.UUID, p Progress) (Reindexed, error) {
	if err := s.store.beginIndex(ctx, id, s.wanted, s.clock()); err != nil {
		return Reindexed{}, err
	}
	if err := s.embedMissing(ctx, id, p); err != nil {
		return Reindexed{}, err
	}
	next := picture{model: s.wanted}
	var err error
	if next.roles, err = s.store.countRoles(ctx); err != nil {
		return Reindexed{}, err
	}
	examples, dimension, err := s.embedExamples(ctx)
	if err != nil {
		return Reindexed{}, err
	}
	if next.index, err = s.store.readIndex(ctx, id, dimension); err != nil {
		return Reindexed{}, err
	}
	if next.fit, err = s.train(ctx, &next, examples); err != nil {
		return Reindexed{}, err
	}
	if err := s.store.activate(ctx, id, dimension, next.fit, s.clock()); err != nil {
		return Reindexed{}, err
	}
	total := int64(0)
	for _, n := range next.roles {
		total += int64(n)
	}
	return Reindexed{Roles: total, Model: s.wanted, Dimension: dimension}, s.Refresh(ctx)
}

// embedMissing embeds the published roles whose text an index does not hold, batch by
// batch; what is stored stays when it is interrupted. also is done with each batch.
func (s *Service) embedMissing(ctx context.Context, index uuid.UUID, p Progress, also ...func(tx postgres.Tx) error) error {
	if p != nil {
		left, err := s.store.countToEmbed(ctx, index)
		if err != nil {
			return err
		}
		p.Total(left)
	}
	for {
		roles, err := s.store.rolesToEmbed(ctx, index, embedBatch)
		if err != nil || len(roles) == 0 {
			return err
		}
		texts := make([]string, len(roles))
		for i, r := range roles {
			texts[i] = r.embedText()
		}
		vectors, err := s.embedder.Embed(ctx, s.wanted, texts)
		if err != nil {
			return fmt.Errorf("embed roles: %w", err)
		}
		if err := s.store.putVectors(ctx, index, roles, vectors, also...); err != nil {
			return err
		}
		if p != nil {
			p.Add(int64(len(roles)))
		}
	}
}

// vectorKey names a text's vector by a model.
func vectorKey(model, text string) (key [16]byte) {
	sum := sha256.Sum256([]byte(model + "\x00" + text))
	copy(key[:], sum[:])
	return key
}
