package catalogue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// How a node keeps up with what others change.
const (
	refreshEvery   = 500 * time.Millisecond
	refreshTimeout = 10 * time.Second
	keptVectors    = 1000   // of descriptions, so that asking again costs no model call
	keptRoles      = 10_000 // with their words
)

var (
	errNoIndex   = errors.New("there is no index of roles yet")
	errEmbedSlow = errors.New("the embedding did not come in time")
	errDimension = errors.New("the embedding has another length than those of the index")
)

// Embedder turns texts into vectors of length 1 by a model.
type Embedder interface {
	Embed(ctx context.Context, model string, texts []string) ([][]float32, error)
}

// Model answers a request in one piece.
type Model interface {
	Complete(ctx context.Context, req llm.Request) (llm.Reply, error)
}

// Jobs inserts a job that exists once tx commits.
type Jobs interface {
	Insert(ctx context.Context, tx postgres.Tx, args job.Args) error
}

// Deps are the parts the service is made of.
type Deps struct {
	Pool           *pgxpool.Pool
	Embedder       Embedder
	EmbeddingModel string // by which roles are embedded from now on
	Dimensions     int    // of its vectors; 0: as it gives them
	Model          Model  // rewrites custom roles
	Jobs           Jobs
	Logger         *slog.Logger
	Now            func() time.Time
}

// Service holds the reference data and the rules of roles. Safe for concurrent use.
type Service struct {
	store    *store
	embedder Embedder
	wanted   string // the embedding model that is configured
	length   int    // of its vectors; 0: as it gives them
	model    Model
	jobs     Jobs
	logger   *slog.Logger
	now      func() time.Time

	picture atomic.Pointer[picture]
	vectors *lru.Cache[[16]byte, []float32]
	studies *lru.Cache[uuid.UUID, *studied]

	refreshing sync.Mutex
	stop       context.CancelFunc
	stopped    sync.WaitGroup
}

// picture is what a node has in memory, as of a revision. Immutable.
type picture struct {
	*Catalogue
	revision  int64
	roles     map[string]int // published roles of each industry
	index     Index          // nil: none yet
	model     string         // of the index
	dimension int
	fit       fit
}

// New loads the reference data; it starts nothing.
func New(ctx context.Context, d Deps) (*Service, error) {
	s := &Service{
		store: &store{pool: d.Pool}, embedder: d.Embedder, wanted: d.EmbeddingModel, length: d.Dimensions, model: d.Model, jobs: d.Jobs,
		logger: d.Logger, now: d.Now,
	}
	var err error
	if s.vectors, err = lru.New[[16]byte, []float32](keptVectors); err != nil {
		return nil, err
	}
	if s.studies, err = lru.New[uuid.UUID, *studied](keptRoles); err != nil {
		return nil, err
	}
	return s, s.Refresh(ctx)
}

// Current is the reference data as it is now; one that was got earlier stays as it was.
func (s *Service) Current() *Catalogue { return s.picture.Load().Catalogue }

// Refresh takes up what has changed. It costs one small query when nothing has.
func (s *Service) Refresh(ctx context.Context) error {
	s.refreshing.Lock()
	defer s.refreshing.Unlock()
	revision, err := s.store.revision(ctx)
	if err != nil {
		return err
	}
	if have := s.picture.Load(); have != nil && have.revision == revision {
		return nil
	}
	p := &picture{revision: revision}
	if p.Catalogue, err = Load(ctx, s.store.pool); err != nil {
		return err
	}
	if p.roles, err = s.store.countRoles(ctx); err != nil {
		return err
	}
	if err := s.store.loadIndex(ctx, p); err != nil {
		return err
	}
	s.picture.Store(p)
	return nil
}

// Start begins to take up what other nodes change, within half a second. Stop ends it.
func (s *Service) Start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.stopped.Go(func() {
		tick := time.NewTicker(refreshEvery)
		defer tick.Stop()
		failing := false
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			err := s.refreshInTime(ctx)
			if err != nil && !failing && ctx.Err() == nil {
				s.logger.WarnContext(ctx, "reference data may be old", slog.Any("error", err))
			}
			failing = err != nil
		}
	})
}

func (s *Service) refreshInTime(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	return s.Refresh(ctx)
}

// Stop waits until nothing is taken up any more. Idempotent, and safe before Start.
func (s *Service) Stop() {
	if s.stop != nil {
		s.stop()
	}
	s.stopped.Wait()
}

// clock is the time as PostgreSQL keeps it: UTC, whole microseconds.
func (s *Service) clock() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// studiedRoles gives roles with their words, from memory as far as they are there
// as they are now.
func (s *Service) studiedRoles(ctx context.Context, picked []ranking) (map[uuid.UUID]*studied, error) {
	found, missing := make(map[uuid.UUID]*studied, len(picked)), []uuid.UUID{}
	for _, p := range picked {
		if have, ok := s.studies.Get(p.id); ok && have.UpdatedAt.Equal(p.updatedAt) {
			found[p.id] = have
		} else {
			missing = append(missing, p.id)
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	roles, err := s.store.rolesByID(ctx, missing)
	if err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	for _, r := range roles {
		found[r.ID] = study(r)
		s.studies.Add(r.ID, found[r.ID])
	}
	return found, nil
}
