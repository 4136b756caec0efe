package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/elnormous/contenttype"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluentpro/fluentpro/internal/platform/gate"
)

// GuardConfig is what the contract cannot say by itself.
type GuardConfig struct {
	// Authenticate proves an access token and counts the request against its
	// user's limit. Its errors reach the client as they are: auth.invalid_token
	// for a token that is not good, server.unavailable when that cannot be known.
	// It is called for every operation but those with `security: []`.
	Authenticate func(ctx context.Context, token string, limit gate.Limit) (Identity, gate.Pass, error)
	// Count counts a request of an operation without a token against the limit of
	// the client's address.
	Count func(ctx context.Context, address string, limit gate.Limit) gate.Pass
	// Limits has each limit that the contract names (x-rate-limit). An operation
	// that names none is limited by "api" where it needs a token, else not at all.
	Limits map[string]gate.Limit
	// Permissions names the roles that have each permission of the contract
	// (x-permission). An operation without one is open to everyone signed in.
	Permissions map[string][]string
	// Denied is told of each request that a user's roles do not permit; nil: nobody is.
	Denied func(ctx context.Context, who Identity, operation string)
	// Deprecation is needed where the contract deprecates operations.
	Deprecation DeprecationConfig
	// Metrics count the requests of each operation, under the name of the version; nil:
	// nobody does.
	Metrics *Metrics
	Version string
}

// An operation is what the contract says of one, ready to be checked.
type operation struct {
	id           string
	traffic      *traffic                                                               // nil: nobody counts
	authenticate func(context.Context, string, gate.Limit) (Identity, gate.Pass, error) // nil: open to all
	count        func(context.Context, string, gate.Limit) gate.Pass
	denied       func(context.Context, Identity, string)
	optional     bool        // whoever brings no good token is nobody, and may ask
	ending       *ending     // nil: it is not deprecated
	limit        *gate.Limit // nil: none
	roles        []string    // nil: all roles
	accepts      []contenttype.MediaType
	path         []parameter
	query        []parameter
	header       []parameter
	body         *bodyRule // nil: it takes none
	checks       []openapi3.SchemaValidationOption
	buffers      *sync.Pool
}

// Guards makes for each operation, by its operationId, the middleware that lets
// only requests through that the contract allows. The checks go from the cheap
// to the costly, and the first that fails answers:
//
//  0. whether the operation has ended (410); all answers of a deprecated one say so
//  1. who asks, whether they may, and whether it is not too often (401, 429, 403);
//     see IdentityFrom
//  2. whether an answer they accept can be given (406)
//  3. path parameters (404), then query and header (400 request.invalid)
//  4. the body: its form (400, 413, 415), then its schema (400 request.invalid);
//     the value that was checked stays on it as ValidatedValue
//
// It gives an error, naming each operation at fault, if the contract asks for a
// permission that is not in cfg or for something that cannot be checked.
func (d *Document) Guards(cfg GuardConfig) (map[string][]echo.MiddlewareFunc, error) {
	if _, err := d.Deprecations(); err != nil {
		return nil, err
	}
	guards := map[string][]echo.MiddlewareFunc{}
	buffers := newBuffers()
	var faults []error
	items := d.spec.Paths.Map()
	for _, path := range slices.Sorted(maps.Keys(items)) {
		operations := items[path].Operations()
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			o, err := d.compile(cfg, items[path], operations[method])
			if err != nil {
				faults = append(faults, fmt.Errorf("%s %s (%s): %w", method, path, operations[method].OperationID, err))
				continue
			}
			o.buffers = buffers
			guards[o.id] = []echo.MiddlewareFunc{o.guard}
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("guard the operations: %w", err)
	}
	return guards, nil
}

func (d *Document) compile(cfg GuardConfig, item *openapi3.PathItem, op *openapi3.Operation) (*operation, error) {
	if op.OperationID == "" {
		return nil, errors.New("it has no operationId")
	}
	o := &operation{id: op.OperationID, checks: d.checks, accepts: answerTypes(op)}
	if cfg.Metrics != nil {
		o.traffic = cfg.Metrics.operation(o.id, cfg.Version)
		cfg.Deprecation.uses = cfg.Metrics.deprecated.MustCurryWith(prometheus.Labels{"version": cfg.Version})
	}
	if err := o.secure(cfg, d.spec.Security, op); err != nil {
		return nil, err
	}
	if err := o.limited(cfg, op); err != nil {
		return nil, err
	}
	var err error
	if o.ending, err = compileEnding(cfg.Deprecation, op); err != nil {
		return nil, err
	}
	if err := o.takeParameters(cfg.Deprecation, item.Parameters, op.Parameters); err != nil {
		return nil, err
	}
	o.body, err = compileBody(op)
	return o, err
}

// guard is one middleware, not one a step: echo builds the chain anew for each request.
func (o *operation) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := o.admit(c); err != nil {
			return err
		}
		return next(c)
	}
}

func (o *operation) admit(c echo.Context) error {
	if err := o.enter(c); err != nil {
		return err
	}
	if err := o.checkAccept(c); err != nil {
		return err
	}
	if err := o.checkParameters(c); err != nil {
		return err
	}
	return o.checkBody(c)
}

// enter learns who asks, and whether they may. A deprecated operation says so in any
// case, and knows who still asks for it.
func (o *operation) enter(c echo.Context) error {
	if o.ending == nil {
		return o.identify(c)
	}
	gone := o.ending.refuse(c)
	err := o.identify(c)
	o.ending.count(c)
	return cmp.Or(gone, err)
}

// secure settles who may call the operation.
func (o *operation) secure(cfg GuardConfig, global openapi3.SecurityRequirements, op *openapi3.Operation) error {
	required := global
	if op.Security != nil {
		required = *op.Security
	}
	permission, named := op.Extensions["x-permission"]
	switch {
	case len(required) == 0 && named:
		return errors.New("it needs a permission, but no one to have it: security is empty")
	case len(required) == 0:
		return nil
	case len(required) == 2 && len(required[0]) == 0 && len(required[1]) == 1 && !named:
		o.optional = true // security: [{}, {bearer: []}]
	case len(required) > 1 || len(required[0]) != 1:
		return errors.New("its security must be one bearer token, empty, or either of the two")
	}
	if cfg.Authenticate == nil {
		return errors.New("nothing can authenticate for it")
	}
	o.authenticate, o.denied = cfg.Authenticate, cfg.Denied
	if !named {
		return nil
	}
	name, _ := permission.(string)
	roles, known := cfg.Permissions[strings.TrimSpace(name)]
	if !known {
		return fmt.Errorf("the permission %v is not known", permission)
	}
	o.roles = append([]string{}, roles...) // not nil: a permission that no role has lets no one in
	return nil
}

// defaultLimit is that of an operation which needs a token and names no other.
const defaultLimit = "api"

// limited settles which limit counts requests of the operation.
func (o *operation) limited(cfg GuardConfig, op *openapi3.Operation) error {
	name, named := op.Extensions["x-rate-limit"].(string)
	if !named && o.authenticate == nil {
		return nil
	}
	limit, known := cfg.Limits[cmp.Or(name, defaultLimit)]
	if !known {
		return fmt.Errorf("the limit %q is not known", cmp.Or(name, defaultLimit))
	}
	if (o.authenticate == nil || o.optional) && cfg.Count == nil {
		return errors.New("nothing counts for its limit")
	}
	o.limit, o.count = &limit, cfg.Count
	return nil
}
