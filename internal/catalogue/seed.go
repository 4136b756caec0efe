package catalogue

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.yaml.in/yaml/v3"
)

//go:embed seed.yaml
var seedText []byte

// SeedText is the reference data as it is shipped.
func SeedText() string { return string(seedText) }

// seedFile is the form of seed.yaml.
type seedFile struct {
	Languages  []Language  `yaml:"languages"`
	Industries []Industry  `yaml:"industries"`
	Partners   []Partner   `yaml:"partners"`
	Situations []Situation `yaml:"situations"`
}

// Seed writes the reference data that every installation starts with. It may be
// applied again: entries are brought up to date by id, and none is removed.
func Seed(ctx context.Context, pool *pgxpool.Pool) error {
	var f seedFile
	dec := yaml.NewDecoder(bytes.NewReader(seedText))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil {
		return fmt.Errorf("read seed: %w", err)
	}
	return upsert(ctx, pool, f)
}
