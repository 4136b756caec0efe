package api

import "github.com/fluentpro/fluentpro/internal/api/web"

// Deprecation is something that a version of the API will end.
type Deprecation struct {
	web.Deprecation

	Version string // "v1"
}

// Deprecations lists what the contracts of all versions deprecate, the oldest version
// first; in each operations, then parameters, then fields, by name.
func Deprecations() ([]Deprecation, error) {
	read, err := documents()
	if err != nil {
		return nil, err
	}
	var all []Deprecation
	for _, v := range versions {
		list, err := read[v.name].Deprecations()
		if err != nil {
			return nil, err
		}
		for _, d := range list {
			all = append(all, Deprecation{d, v.name})
		}
	}
	return all, nil
}
