// Package docs carries the pages of this directory that the service itself
// serves; the others are for readers of the repository.
package docs

import _ "embed"

// Problems is problems.md: one section for each code of a problem, from which
// /problems/{code} is made. Do not change it.
//
//go:embed problems.md
var Problems []byte

// V1ToV2 is v1-to-v2.md: how to leave each operation of version 1. Do not change it.
//
//go:embed v1-to-v2.md
var V1ToV2 []byte

// V2Deprecations is v2-deprecations.md: how to leave what version 2 deprecates within
// itself. Do not change it.
//
//go:embed v2-deprecations.md
var V2Deprecations []byte
