package catalogue

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// store reads and writes the tables of the catalogue.
type store struct{ pool *pgxpool.Pool }

const vectorPage = 5000 // vectors read at once

// loadIndex reads the index that serves into memory; there may be none.
func (s *store) loadIndex(ctx context.Context, p *picture) error {
	p.fit = wordsFit()
	row, err := db.New().ActiveRoleIndex(ctx, s.pool)
	if postgres.NoRows(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read role index: %w", postgres.Translate(err))
	}
	p.model = row.Model
	if row.Dimension != nil {
		p.dimension = *row.Dimension
	}
	if err := json.Unmarshal(row.Fit, &p.fit); err != nil {
		return fmt.Errorf("read role index %s: %w", row.ID, err)
	}
	p.index, err = s.readIndex(ctx, row.ID, p.dimension)
	return err
}

// readIndex reads all vectors of an index that have its length.
func (s *store) readIndex(ctx context.Context, id uuid.UUID, dimension int) (memoryIndex, error) {
	index, after := memoryIndex{}, uuid.Nil
	for {
		rows, err := db.New().RoleVectors(ctx, s.pool, db.RoleVectorsParams{IndexID: id, AfterID: after, MaxRows: vectorPage})
		if err != nil {
			return nil, fmt.Errorf("read vectors: %w", postgres.Translate(err))
		}
		for _, r := range rows {
			if v := toVector(r.Vector); len(v) == dimension {
				index.put(r.IndustryID, r.RoleID, v)
			}
			after = r.RoleID
		}
		if len(rows) < vectorPage {
			return index, nil
		}
	}
}

// fromVector packs a vector as little-endian float32.
func fromVector(v []float32) []byte {
	packed := make([]byte, 0, 4*len(v))
	for _, x := range v {
		packed = binary.LittleEndian.AppendUint32(packed, math.Float32bits(x))
	}
	return packed
}

func toVector(packed []byte) []float32 {
	v := make([]float32, len(packed)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(packed[4*i:]))
	}
	return v
}

// servingIndex is the index that serves; the zero value where there is none.
func (s *store) servingIndex(ctx context.Context) (servingIndex, error) {
	row, err := db.New().ActiveRoleIndex(ctx, s.pool)
	if postgres.NoRows(err) {
		return servingIndex{}, nil
	}
	if err != nil {
		return servingIndex{}, fmt.Errorf("read role index: %w", postgres.Translate(err))
	}
	i := servingIndex{id: row.ID, model: row.Model}
	if row.Dimension != nil {
		i.dimension = *row.Dimension
	}
	return i, nil
}

// unfinishedIndex is the id of an index of the model that was begun; none: no id.
func (s *store) unfinishedIndex(ctx context.Context, model string) (uuid.UUID, error) {
	row, err := db.New().UnfinishedRoleIndex(ctx, s.pool, model)
	if postgres.NoRows(err) {
		return uuid.Nil, nil
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("read role index: %w", postgres.Translate(err))
	}
	return row.ID, nil
}

// beginIndex makes an index that does not serve yet; one that is there stays.
func (s *store) beginIndex(ctx context.Context, id uuid.UUID, model string, at time.Time) error {
	if err := db.New().InsertRoleIndex(ctx, s.pool, db.InsertRoleIndexParams{ID: id, Model: model, At: at}); err != nil {
		return fmt.Errorf("begin role index: %w", postgres.Translate(err))
	}
	return nil
}

func (s *store) countToEmbed(ctx context.Context, index uuid.UUID) (int64, error) {
	n, err := db.New().CountRolesToEmbed(ctx, s.pool, index)
	if err != nil {
		return 0, fmt.Errorf("count roles to embed: %w", postgres.Translate(err))
	}
	return n, nil
}

func (s *store) rolesToEmbed(ctx context.Context, index uuid.UUID, most int) ([]Role, error) {
	return toRoles(db.New().RolesToEmbed(ctx, s.pool, db.RolesToEmbedParams{IndexID: index, MaxRows: most}))
}

// putVectors stores the vectors of roles in an index, with more in the same transaction.
func (s *store) putVectors(ctx context.Context, index uuid.UUID, roles []Role, vectors [][]float32, more ...func(tx postgres.Tx) error) error {
	return postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		for i, r := range roles {
			if err := putVector(ctx, tx, index, r.ID, r.textHash, vectors[i]); err != nil {
				return err
			}
		}
		for _, do := range more {
			if err := do(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

func putVector(ctx context.Context, tx postgres.Tx, index, role uuid.UUID, hash []byte, vector []float32) error {
	err := db.New().UpsertRoleEmbedding(ctx, tx, db.UpsertRoleEmbeddingParams{
		IndexID: index, RoleID: role, TextHash: hash, Vector: fromVector(vector),
	})
	if err != nil {
		return fmt.Errorf("store vector of role %s: %w", role, err)
	}
	return nil
}

// activate lets an index serve in place of the one before, which goes.
func (s *store) activate(ctx context.Context, id uuid.UUID, dimension int, f fit, at time.Time) error {
	return postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		q := db.New()
		if err := q.RetireRoleIndexes(ctx, tx, id); err != nil {
			return fmt.Errorf("retire role index: %w", err)
		}
		if err := q.ActivateRoleIndex(ctx, tx, db.ActivateRoleIndexParams{
			ID: id, Dimension: &dimension, Fit: asJSON(f), At: &at,
		}); err != nil {
			return fmt.Errorf("activate role index: %w", err)
		}
		if err := q.DeleteRoleIndexes(ctx, tx, at.Add(-unfinishedFor)); err != nil {
			return fmt.Errorf("delete role indexes: %w", err)
		}
		return bump(ctx, tx)
	})
}
