package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// DeprecationConfig is what the contract cannot say of what it deprecates.
type DeprecationConfig struct {
	Now func() time.Time
	// Successor gives the URL path of an operation of the newer document, by its
	// operationId; false: there is none.
	Successor func(operationID string) (path string, ok bool)
	// Guide gives the URL of the page that tells how to leave something, by its
	// Deprecation.Name.
	Guide func(name string) string
	// Used is told of each request that asks for an operation or gives a parameter
	// which is deprecated, also one that is refused; nil: nobody is. The context
	// says who asks. It must not wait.
	Used func(ctx context.Context, name string)

	uses *prometheus.CounterVec // by name; nil: nobody counts
}

// A notice is what a client is told that uses something which will end.
type notice struct {
	Deprecation

	cfg        DeprecationConfig
	deprecated string   // the header of RFC 9745
	sunset     string   // the header of RFC 8594
	links      []string // RFC 8288
	uses       prometheus.Counter
}

// newNotice gives nil if d is.
func newNotice(cfg DeprecationConfig, d *Deprecation) (*notice, error) {
	if d == nil {
		return nil, nil
	}
	if cfg.Now == nil || cfg.Successor == nil || cfg.Guide == nil {
		return nil, errors.New("it is deprecated, but nothing says how its clients are told")
	}
	guide := cfg.Guide(d.Name)
	var uses prometheus.Counter
	if cfg.uses != nil {
		uses = cfg.uses.WithLabelValues(d.Name)
	}
	return &notice{
		Deprecation: *d, cfg: cfg, uses: uses,
		deprecated: fmt.Sprintf("@%d", d.Since.Unix()),
		sunset:     d.Sunset.Format(http.TimeFormat),
		links:      []string{link(guide, "deprecation"), link(guide, "sunset")},
	}, nil
}

// announce puts the notice into the answer's headers; successor is the URL of what
// takes its place, or empty. There is room for one pair of dates, that of the first
// notice; each has its links.
func (n *notice) announce(h http.Header, successor string) {
	if h.Get("Sunset") == "" {
		h.Set("Deprecation", n.deprecated)
		h.Set("Sunset", n.sunset)
	}
	for _, one := range n.links {
		h.Add("Link", one)
	}
	if successor != "" {
		h.Add("Link", link(successor, "successor-version"))
	}
}

func (n *notice) ended() bool { return !n.cfg.Now().Before(n.Sunset) }

func (n *notice) count(c echo.Context) {
	if n.uses != nil {
		n.uses.Inc()
	}
	if n.cfg.Used != nil {
		n.cfg.Used(c.Request().Context(), n.Name)
	}
}

// An ending is the notice of a deprecated operation, and what answers after its end.
type ending struct {
	*notice

	successor string // a URL path
	gone      *fault.Error
}

// compileEnding reads what the contract says of an operation; nil: it is not deprecated.
func compileEnding(cfg DeprecationConfig, op *openapi3.Operation) (*ending, error) {
	d, err := readDeprecation(op.OperationID, op.Deprecated, op.Extensions)
	if err != nil {
		return nil, err
	}
	n, err := newNotice(cfg, d)
	if n == nil || err != nil {
		return nil, err
	}
	if n.Successor == "" {
		return &ending{notice: n, gone: errGone("Nothing takes its place: " + n.Reason)}, nil
	}
	path, known := cfg.Successor(n.Successor)
	if !known {
		return nil, fmt.Errorf("%s must name an operation of the newer document, or be %q and a reason", successorKey, noSuccessor)
	}
	return &ending{n, path, errGone("Use "+n.Successor+" instead.").WithDetail("successor", n.Successor)}, nil
}

func errGone(instead string) *fault.Error {
	return fault.New(fault.Gone, "route.gone", "This operation has ended. "+instead)
}

// refuse tells the client, also one that is refused for another reason, and refuses
// everybody once the operation has ended.
func (e *ending) refuse(c echo.Context) error {
	e.announce(c.Response().Header(), e.successor)
	if e.ended() {
		return e.gone
	}
	return nil
}

// noteParameter tells who uses a deprecated parameter that it will end. Once it has, or
// beside its successor, it is refused.
func (o *operation) noteParameter(c echo.Context, p *parameter, in string, given func(name string) bool) []fault.Field {
	n := p.notice
	if n == nil {
		return nil
	}
	n.count(c)
	n.announce(c.Response().Header(), instead(c.Request().URL, in, p.name, n.Successor))
	field := func(code, detail string) []fault.Field {
		return []fault.Field{{Pointer: in + p.name, Code: code, Detail: detail}}
	}
	switch {
	case n.ended() && n.Successor == "":
		return field("ended", "Has ended. Nothing takes its place: "+n.Reason)
	case n.ended():
		return field("ended", "Has ended. Use "+n.Successor+" instead.")
	case n.Successor != "" && given(n.Successor):
		return field("not_together", "Must not be given together with "+n.Successor+", which takes its place.")
	}
	return nil
}

// instead gives the URL of the same request with a query parameter by its new name;
// empty: there is no such URL.
func instead(u *url.URL, in, name, successor string) string {
	if in != "query/" || successor == "" {
		return ""
	}
	query := u.Query()
	query[successor] = query[name]
	query.Del(name)
	return u.EscapedPath() + "?" + query.Encode()
}

func link(target, relation string) string {
	return "<" + strings.NewReplacer("{", "%7B", "}", "%7D").Replace(target) + `>; rel="` + relation + `"`
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
