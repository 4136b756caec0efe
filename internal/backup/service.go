package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/blob"
)

// Where things lie in the store.
const (
	backupsAt    = "backups/"
	tombstonesAt = "tombstones/"
	manifestEnd  = ".json"
	payloadEnd   = ".ndjson.zst.age"

	manifestType = "application/json"
	payloadType  = "application/octet-stream"
)

// Deps are what a Service is made of.
type Deps struct {
	Pool       *pgxpool.Pool
	URL        string          // of the store; see blob.Open
	Recipients []age.Recipient // who can read what is made; none: no backup is made
	Identity   string          // a file with an identity, for restores by the API; "": there are none
	Signing    []byte          // 32 secret bytes that manifests are signed with
	Parts      []Part          // in the order in which they are restored
	Erased     Erased
	Release    string
	Schedule   Schedule
	Logger     *slog.Logger
	Now        func() time.Time
}

// Schedule says when backups are made and how long they are kept.
type Schedule struct {
	FullEvery time.Duration // 0: none by themselves
	Every     time.Duration // increments between full ones; 0: none
	Keep      int           // full ones, each with its increments; 0: any number
	KeepFor   time.Duration // since its last increment; 0: for ever
}

// Erased knows the accounts that were erased.
type Erased interface {
	// Tombstones gives them all.
	Tombstones(ctx context.Context) ([]Tombstone, error)
	// Bury keeps tombstones that the database has lost.
	Bury(ctx context.Context, list []Tombstone) error
}

// Tombstone is an account that was erased: an id without a name.
type Tombstone struct {
	UserID      uuid.UUID `json:"user_id"`
	TaskID      uuid.UUID `json:"task_id"`
	RequestedAt time.Time `json:"requested_at"`
	ErasedAt    time.Time `json:"erased_at"`
}

// Service makes, keeps, checks and restores backups. Safe for concurrent use.
type Service struct {
	Deps
	store  store
	signer signer

	mu    sync.Mutex
	blobs *blob.Store // nil: not opened yet

	silent sync.Once // says that no backups are made
}

// New puts a Service together. The store is opened when it is first needed, so that one which
// is away holds nothing up.
func New(d Deps) *Service {
	return &Service{Deps: d, store: store{pool: d.Pool}, signer: newSigner(d.Signing)}
}

// Close lets go of the store.
func (s *Service) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.blobs != nil {
		_ = s.blobs.Close()
		s.blobs = nil
	}
}

// On reports whether backups can be made.
func (s *Service) On() bool { return len(s.Recipients) > 0 }

// open gives the store.
func (s *Service) open(ctx context.Context) (*blob.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.blobs == nil {
		opened, err := blob.Open(context.WithoutCancel(ctx), s.URL)
		if err != nil {
			return nil, errStore.WithCause(err)
		}
		s.blobs = opened
	}
	return s.blobs, nil
}

// clock is the time as PostgreSQL keeps it: UTC, whole microseconds.
func (s *Service) clock() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

func manifestKey(id uuid.UUID) string { return backupsAt + id.String() + manifestEnd }
func payloadKey(id uuid.UUID) string  { return backupsAt + id.String() + payloadEnd }

// away makes the fault of a store that is away of its error.
func away(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return errStore.WithCause(err)
}

// manifest reads that of one backup. Faults: resource.not_found, backup.damaged,
// backup.store_unavailable.
func (s *Service) manifest(ctx context.Context, id uuid.UUID) (Manifest, error) {
	blobs, err := s.open(ctx)
	if err != nil {
		return Manifest{}, err
	}
	text, err := blobs.Get(ctx, manifestKey(id), maxManifest)
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return Manifest{}, errNotFound
	case err != nil:
		return Manifest{}, away(err)
	}
	m, err := s.signer.open(text)
	if err == nil && m.ID != id {
		err = fmt.Errorf("the manifest is that of another backup, %s", m.ID)
	}
	if err != nil {
		return Manifest{}, damaged("%v", err)
	}
	return m, nil
}
