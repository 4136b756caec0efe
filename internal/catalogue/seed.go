package catalogue

import (
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

//go:embed seed.yaml
var seedText []byte

// roleFiles are the roles of each industry.
//
//go:embed roles/*.yaml
var roleFiles embed.FS

// SeedText is everything that ships with the catalogue: the reference data, the roles
// and the descriptions that scores are fitted to.
func SeedText() string {
	var all strings.Builder
	all.Write(seedText)
	for _, files := range []embed.FS{roleFiles, trainingFiles} {
		_ = fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := files.ReadFile(path)
			all.Write(text)
			return err
		})
	}
	return all.String()
}

// seedFile is the form of seed.yaml.
type seedFile struct {
	Languages  []Language  `yaml:"languages"`
	Industries []Industry  `yaml:"industries"`
	Partners   []Partner   `yaml:"partners"`
	Situations []Situation `yaml:"situations"`

	roles []seedRole
}

// seedRole is the form of a role in roles/<industry>.yaml.
type seedRole struct {
	Key         string `yaml:"key"` // never changes: the id is made of it
	Level       string `yaml:"level"`
	Title       Text   `yaml:"title"`
	Description Text   `yaml:"description"`
	Keywords    Words  `yaml:"keywords"`
	Aliases     Words  `yaml:"aliases"`

	industryID string
}

func (s seedRole) role() Role {
	return Role{
		ID: seedID(s.Key), IndustryID: s.industryID, Level: &s.Level, Title: s.Title, Description: s.Description,
		Keywords: s.Keywords, Aliases: s.Aliases, Published: true,
	}
}

// seededAt is the time in the ids of seeded roles.
var seededAt = time.Date(2026, time.September, 1, 0, 0, 0, 0, time.UTC)

// seedID makes the id of a seeded role from its key: a UUID of version 7 (RFC 9562)
// that is the same everywhere.
func seedID(key string) (id uuid.UUID) {
	sum := sha256.Sum256([]byte("fluentpro role " + key))
	copy(id[:], sum[:16])
	ms := seededAt.UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// Seed writes the reference data that every installation starts with. It may be
// applied again: entries are brought up to date by id, and none is removed.
func Seed(ctx context.Context, pool *pgxpool.Pool) error {
	var f seedFile
	if err := strictYAML(seedText, &f); err != nil {
		return fmt.Errorf("read seed: %w", err)
	}
	err := eachIndustryFile(roleFiles, "roles", func(industryID string, text []byte) error {
		var some []seedRole
		if err := strictYAML(text, &some); err != nil {
			return err
		}
		for i := range some {
			some[i].industryID = industryID
		}
		f.roles = append(f.roles, some...)
		return nil
	})
	if err != nil {
		return err
	}
	return postgres.InTx(ctx, pool, func(tx postgres.Tx) error {
		if err := upsert(ctx, tx, f); err != nil {
			return err
		}
		return upsertRoles(ctx, tx, f.roles, time.Now().UTC().Truncate(time.Microsecond))
	})
}
