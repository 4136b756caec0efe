package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// DeprecationConfig is what the contract cannot say of its deprecated operations.
type DeprecationConfig struct {
	Now func() time.Time
	// Successor gives the URL path of an operation of the newer document, by its
	// operationId; false: there is none.
	Successor func(operationID string) (path string, ok bool)
	// Guide gives the URL of the page that tells how to leave an operation.
	Guide func(operationID string) string
}

// The extensions that say until when a deprecated operation is served, and what
// takes its place: an operationId of the newer document, or "none: <reason>".
const (
	deprecatedAtKey = "x-deprecated-at"
	sunsetKey       = "x-sunset"
	successorKey    = "x-successor"
	noSuccessor     = "none: "
)

// A deprecation is what clients are told of an operation that will end.
type deprecation struct {
	now         func() time.Time
	sunset      time.Time
	deprecation string   // the header of RFC 9745
	sunsetAt    string   // the header of RFC 8594
	links       []string // RFC 8288
	gone        *fault.Error
}

// compileDeprecation reads the extensions of an operation; nil: it is not deprecated.
func compileDeprecation(cfg DeprecationConfig, op *openapi3.Operation) (*deprecation, error) {
	if !op.Deprecated {
		for _, key := range []string{deprecatedAtKey, sunsetKey, successorKey} {
			if _, said := op.Extensions[key]; said {
				return nil, fmt.Errorf("it has %s, but is not deprecated", key)
			}
		}
		return nil, nil
	}
	if cfg.Now == nil || cfg.Successor == nil || cfg.Guide == nil {
		return nil, errors.New("it is deprecated, but nothing says how its clients are told")
	}
	since, err := day(op, deprecatedAtKey)
	if err != nil {
		return nil, err
	}
	sunset, err := day(op, sunsetKey)
	if err != nil {
		return nil, err
	}
	if !sunset.After(since) {
		return nil, fmt.Errorf("%s must be later than %s", sunsetKey, deprecatedAtKey)
	}
	successor, _ := op.Extensions[successorKey].(string)
	guide := cfg.Guide(op.OperationID)
	d := &deprecation{
		now: cfg.Now, sunset: sunset,
		deprecation: fmt.Sprintf("@%d", since.Unix()),
		sunsetAt:    sunset.Format(http.TimeFormat),
		links:       []string{link(guide, "deprecation"), link(guide, "sunset")},
	}
	if reason, none := strings.CutPrefix(successor, noSuccessor); none && strings.TrimSpace(reason) != "" {
		d.gone = errGone("Nothing takes its place: " + reason)
		return d, nil
	}
	path, known := cfg.Successor(successor)
	if !known {
		return nil, fmt.Errorf("%s must name an operation of the newer document, or be %q and a reason", successorKey, noSuccessor)
	}
	d.links = append(d.links, link(path, "successor-version"))
	d.gone = errGone("Use "+successor+" instead.").WithDetail("successor", successor)
	return d, nil
}

func errGone(instead string) *fault.Error {
	return fault.New(fault.Gone, "route.gone", "This operation has ended. "+instead)
}

// day reads a full-date (RFC 3339) of an operation: its first instant in UTC.
func day(op *openapi3.Operation, key string) (time.Time, error) {
	text, _ := op.Extensions[key].(string)
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return at, fmt.Errorf("it is deprecated: %s must be a date such as 2027-09-01", key)
	}
	return at, nil
}

func link(target, relation string) string {
	return "<" + strings.NewReplacer("{", "%7B", "}", "%7D").Replace(target) + `>; rel="` + relation + `"`
}

// announce tells the client, also one that is refused for another reason, and refuses
// everybody once the operation has ended.
func (d *deprecation) announce(c echo.Context) error {
	h := c.Response().Header()
	h.Set("Deprecation", d.deprecation)
	h.Set("Sunset", d.sunsetAt)
	for _, one := range d.links {
		h.Add("Link", one)
	}
	if d.now().Before(d.sunset) {
		return nil
	}
	return d.gone
}

// OperationPath gives the path template of an operation below the document's root.
func (d *Document) OperationPath(operationID string) (path string, ok bool) {
	for path, item := range d.spec.Paths.Map() {
		for _, op := range item.Operations() {
			if op.OperationID == operationID {
				return path, true
			}
		}
	}
	return "", false
}
