// Package migrations holds the database's schema as steps that are applied in
// order and never edited once released. It only carries the files; applying
// them is internal/platform/postgres.
package migrations

import "embed"

// FS holds the goose files, named 0001_<what>.sql upwards.
//
//go:embed *.sql
var FS embed.FS
