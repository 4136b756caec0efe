// Package docs serves what developers read: the contracts themselves, an
// interactive page made from them, guides, and a page for each problem code.
//
//	GET /                       to /docs
//	GET /docs                   Swagger UI over every contract, newest first
//	GET /docs/{guide}           a longer text
//	GET /console                one page to try everything that moves
//	GET /openapi/{version}.yaml and .json
//	GET /asyncapi.yaml          the frames of the WebSocket, as AsyncAPI
//	GET /problems, /problems/{code}
//
// It promises that everything is made once, by New, from what it is handed;
// that no page asks any other host for anything, so that all of it works
// offline; that each answer can be revalidated by its ETag; and that a page's
// Content-Security-Policy lets nothing run but the scripts named here. Tokens
// that a developer gets in /docs are used for every version, and live in that
// page's memory alone: a reload forgets them. The same holds for /console, whose sources
// are the folder console.
//
// Its limits: the contracts are public, so the pages ask for no token; the Accept
// header is not consulted; a stream shows in /docs only once it has ended.
package docs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// Config is what there is to show.
type Config struct {
	// Contracts holds, for each major version ("v2"), its bundled OpenAPI
	// document as YAML without anchors. At least one.
	Contracts map[string][]byte
	// Realtime is the AsyncAPI document of the WebSocket, as YAML. It refers to the newest
	// contract's schemas where they are served.
	Realtime []byte
	// Problems is docs/problems.md: an introduction, then a section
	// `## <code>` with a line `- Status: <number> <words>` for each code.
	Problems []byte
	// Guides holds Markdown with tables, by the last part of its path: a lower-case
	// name with hyphens. A heading of the second level is an anchor of its own text.
	Guides map[string][]byte
}

// Pages are ready to be served, by any number of handlers.
type Pages struct {
	contracts *contracts
	realtime  *document
	assets    *assets
	problems  *problems
	guides    guides
	index     *document
	console   *document
}

// New makes the pages. It gives an error if something in cfg cannot be read.
func New(cfg Config) (*Pages, error) {
	var p Pages
	var err error
	if p.contracts, err = newContracts(cfg.Contracts); err != nil {
		return nil, err
	}
	p.realtime = newDocument(cfg.Realtime, "application/yaml")
	if p.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	look, err := newLook(p.assets.path("favicon-32x32.png"))
	if err != nil {
		return nil, err
	}
	if p.problems, err = newProblems(cfg.Problems, look); err != nil {
		return nil, err
	}
	if p.guides, err = newGuides(cfg.Guides, look); err != nil {
		return nil, err
	}
	if p.index, err = newIndex(p.contracts.versions, p.assets); err != nil {
		return nil, err
	}
	if p.console, err = newConsole(p.assets); err != nil {
		return nil, err
	}
	return &p, nil
}

// Mount adds the routes above to e. Handlers return faults (route.not_found,
// resource.not_found), which e's error handler must turn into problems.
func (p *Pages) Mount(e *echo.Echo) {
	e.GET("/", func(c echo.Context) error { return c.Redirect(http.StatusFound, "/docs") })
	e.GET("/docs", p.index.serve)
	e.GET("/docs/", p.index.serve)
	e.GET("/console", p.console.serve)
	e.GET("/docs/:guide", p.guides.page)
	e.GET("/docs/assets/:fingerprint/:name", p.assets.file)
	e.GET("/openapi/:file", p.contracts.file)
	e.GET("/asyncapi.yaml", p.realtime.serve)
	e.GET("/problems", p.problems.index.serve)
	e.GET("/problems/:code", p.problems.page)
}

// How long a copy of an answer may be used.
const (
	revalidate = "no-cache"                            // after asking whether it is current
	forever    = "public, max-age=31536000, immutable" // its path names its content
)

// A document is one answer, the same for everybody.
type document struct {
	body      []byte
	zipped    bool // body is in gzip, to be unzipped for who does not accept that
	mediaType string
	etag      string
	cache     string
	policy    string // Content-Security-Policy; empty: as the server sets it
}

func newDocument(body []byte, mediaType string) *document {
	return &document{body: body, mediaType: mediaType, etag: `"` + fingerprint(body) + `"`, cache: revalidate}
}

// serve answers with the document, or with 304 to who has it (RFC 9110, section 13).
func (d *document) serve(c echo.Context) error {
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, d.cache)
	if d.policy != "" {
		h.Set(echo.HeaderContentSecurityPolicy, d.policy)
	}
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	h.Set(echo.HeaderXFrameOptions, "DENY")
	h.Set(echo.HeaderReferrerPolicy, "no-referrer")
	body, etag, zipped := d.body, d.etag, false
	if d.zipped {
		h.Add(echo.HeaderVary, echo.HeaderAcceptEncoding)
		if zipped = acceptsGzip(c.Request().Header.Get(echo.HeaderAcceptEncoding)); zipped {
			etag = strings.TrimSuffix(etag, `"`) + `-gzip"` // other bytes, another tag
		}
	}
	h.Set("ETag", etag)
	if web.NotModified(c.Request().Header.Get("If-None-Match"), etag) {
		return c.NoContent(http.StatusNotModified)
	}
	if zipped {
		h.Set(echo.HeaderContentEncoding, "gzip")
	} else if d.zipped {
		var err error
		if body, err = unzip(body); err != nil {
			return err
		}
	}
	return c.Blob(http.StatusOK, d.mediaType, body)
}

// fingerprint names content: 128 bits of its SHA-256.
func fingerprint(parts ...[]byte) string {
	hash := sha256.New()
	for _, part := range parts {
		_, _ = hash.Write(part) // a hash takes everything
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

var (
	errNothing = errors.New("docs: there is no contract to show")
	errNoRoute = fault.New(fault.NotFound, "route.not_found", "No page has this path.")
	errNoTopic = fault.New(fault.NotFound, "resource.not_found", "There is no problem of this code.")
)
