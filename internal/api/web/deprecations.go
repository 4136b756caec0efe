package web

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// The extensions that say until when something deprecated is served, and what takes
// its place: for an operation an operationId of the newer document, for a parameter or
// a field the name of another one beside it, or "none: <reason>".
const (
	deprecatedAtKey = "x-deprecated-at"
	sunsetKey       = "x-sunset"
	successorKey    = "x-successor"
	noSuccessor     = "none: "
)

// A Deprecation is one thing of a contract that will end.
type Deprecation struct {
	// Name is that of an operation ("logInV1"), of a parameter in its operation
	// ("listRoles.industry_id") or of a field in its schema ("Language.code").
	Name      string
	Since     time.Time // the day's first instant in UTC
	Sunset    time.Time // the same; from then on it is not served
	Successor string    // "": nothing takes its place
	Reason    string    // why nothing does
	Uncounted bool      // a field: the server cannot know who reads it
}

// readDeprecation reads the extensions of anything; nil: it is not deprecated.
func readDeprecation(name string, deprecated bool, extensions map[string]any) (*Deprecation, error) {
	if !deprecated {
		for _, key := range []string{deprecatedAtKey, sunsetKey, successorKey} {
			if _, said := extensions[key]; said {
				return nil, fmt.Errorf("it has %s, but is not deprecated", key)
			}
		}
		return nil, nil
	}
	since, err := day(extensions, deprecatedAtKey)
	if err != nil {
		return nil, err
	}
	sunset, err := day(extensions, sunsetKey)
	if err != nil {
		return nil, err
	}
	if !sunset.After(since) {
		return nil, fmt.Errorf("%s must be later than %s", sunsetKey, deprecatedAtKey)
	}
	d := &Deprecation{Name: name, Since: since, Sunset: sunset}
	successor, _ := extensions[successorKey].(string)
	if reason, none := strings.CutPrefix(successor, noSuccessor); none {
		successor, d.Reason = "", strings.TrimSpace(reason)
	}
	if d.Successor = successor; d.Successor == "" && d.Reason == "" {
		return nil, fmt.Errorf("it is deprecated: %s must name what takes its place, or be %q and a reason", successorKey, noSuccessor)
	}
	return d, nil
}

// day reads a full-date (RFC 3339): its first instant in UTC.
func day(extensions map[string]any, key string) (time.Time, error) {
	text, _ := extensions[key].(string)
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return at, fmt.Errorf("it is deprecated: %s must be a date such as 2027-09-01", key)
	}
	return at, nil
}

// readSibling reads a deprecation whose successor must be one of the names beside it.
func readSibling(name string, deprecated bool, extensions map[string]any, beside func(string) bool) (*Deprecation, error) {
	d, err := readDeprecation(name, deprecated, extensions)
	if err == nil && d != nil && d.Successor != "" && !beside(d.Successor) {
		return nil, fmt.Errorf("%s must name one beside it, or be %q and a reason", successorKey, noSuccessor)
	}
	return d, err
}

// Deprecations lists what the contract deprecates: operations, then parameters, then
// fields of named schemas, each by name. It gives an error that names each whose dates
// are missing or reversed, or whose successor is not beside it; operations of the newer
// document are not looked for.
func (d *Document) Deprecations() ([]Deprecation, error) {
	var operations, parameters, fields []Deprecation
	var faults []error
	add := func(to *[]Deprecation, one *Deprecation, name string, err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		} else if one != nil {
			*to = append(*to, *one)
		}
	}
	for _, item := range d.spec.Paths.Map() {
		for _, op := range item.Operations() {
			one, err := readDeprecation(op.OperationID, op.Deprecated, op.Extensions)
			add(&operations, one, op.OperationID, err)
			for _, p := range parametersOf(item.Parameters, op.Parameters) {
				name := op.OperationID + "." + p.Name
				one, err := readParameter(name, p, item.Parameters, op.Parameters)
				add(&parameters, one, name, err)
			}
		}
	}
	for name, schema := range d.components() {
		eachField(name, schema, func(name string, field *openapi3.Schema, in *openapi3.Schema) {
			one, err := readSibling(name, field.Deprecated, field.Extensions, func(other string) bool { return in.Properties[other] != nil })
			if one != nil {
				one.Uncounted = true
			}
			add(&fields, one, name, err)
		})
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("what the contract deprecates: %w", err)
	}
	all := [][]Deprecation{operations, parameters, fields}
	for _, one := range all {
		slices.SortFunc(one, func(a, b Deprecation) int { return strings.Compare(a.Name, b.Name) })
	}
	return slices.Concat(all...), nil
}

// readParameter reads the deprecation of a parameter; its successor is in the same place.
func readParameter(name string, p *openapi3.Parameter, shared, own openapi3.Parameters) (*Deprecation, error) {
	return readSibling(name, p.Deprecated, p.Extensions, func(other string) bool {
		return own.GetByInAndName(p.In, other) != nil || shared.GetByInAndName(p.In, other) != nil
	})
}

func (d *Document) components() openapi3.Schemas {
	if d.spec.Components == nil {
		return nil
	}
	return d.spec.Components.Schemas
}

// eachField visits the fields of a named schema, and those of objects written inside it;
// what it refers to has a name of its own.
func eachField(name string, ref *openapi3.SchemaRef, visit func(name string, field, in *openapi3.Schema)) {
	if ref == nil || ref.Value == nil {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(ref.Value.Properties)) {
		property := ref.Value.Properties[key]
		if property.Ref != "" || property.Value == nil {
			continue
		}
		visit(name+"."+key, property.Value, ref.Value)
		eachField(name+"."+key, property, visit)
	}
	inner := slices.Concat(ref.Value.AllOf, ref.Value.AnyOf, ref.Value.OneOf, openapi3.SchemaRefs{ref.Value.Items})
	for _, one := range inner {
		if one != nil && one.Ref == "" {
			eachField(name, one, visit)
		}
	}
}
