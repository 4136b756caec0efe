// Package tenant stands in for an Auth0 tenant in tests: an http.Handler that
// keeps users and keys in memory and answers as Auth0's documents say.
//
// It promises the documented status, error codes, headers and bodies of
//
//	GET  /.well-known/openid-configuration, /.well-known/jwks.json
//	POST /oauth/token                      password-realm and client_credentials
//	POST /api/v2/users                     and GET, PATCH, DELETE /api/v2/users/{id}
//	GET  /api/v2/clients/{id}, /api/v2/connections, /api/v2/connections/{id}/clients
//	GET  /api/v2/resource-servers/{id}
//
// with brute-force protection, rate limits, scopes and password policies, and
// can be misconfigured (Configure), made to fail (Fail, Down) and made to rotate
// its keys.
//
// Its limits: one application, one connection, one API; no sign-in page, no
// refresh tokens, no mails, no password history; a rotation shows its new key at
// once, where a tenant publishes the next one beforehand, so that clients meet
// the harder case; passwords are kept in clear.
//
// The sources are https://auth0.com/docs/api/authentication and
// https://auth0.com/docs/api/management/v2.
package tenant

import (
	"crypto/rsa"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// What New takes where Config is silent. The secret is none: it opens nothing but
// this stand-in.
const (
	DefaultClientID     = "fluentpro-test-client"
	DefaultClientSecret = "fluentpro-test-secret"
	DefaultConnection   = "fluentpro-users"
	DefaultAudience     = "https://api.fluentpro.test"
)

// Config says who the one application is. The zero value of every field takes
// its default.
type Config struct {
	ClientID     string
	ClientSecret string
	Connection   string
	Audience     string
	URL          string           // see SetURL
	Now          func() time.Time // nil: time.Now
	// Key is the first signing key, so that many tenants of a test need not make
	// one each; nil: made when first needed.
	Key *rsa.PrivateKey
}

func (c Config) withDefaults() Config {
	for field, fallback := range map[*string]string{
		&c.ClientID: DefaultClientID, &c.ClientSecret: DefaultClientSecret,
		&c.Connection: DefaultConnection, &c.Audience: DefaultAudience,
	} {
		if *field == "" {
			*field = fallback
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Server is the tenant. It is safe for concurrent use.
type Server struct {
	cfg Config
	mux *http.ServeMux

	mu       sync.Mutex // guards all below
	url      string
	settings Settings
	keys     []signingKey // the newest last
	users    map[string]*user
	order    int // of the latest user
	granted  map[string]granted
	wrong    map[attempt]int
	trouble  trouble
	window   window
	requests map[string]int
	address  string
}

// New makes a tenant with one application that may do all it needs.
func New(cfg Config) *Server {
	cfg = cfg.withDefaults()
	s := &Server{
		cfg: cfg, mux: http.NewServeMux(), settings: defaults(),
		users: map[string]*user{}, granted: map[string]granted{},
		wrong: map[attempt]int{}, requests: map[string]int{},
	}
	if cfg.Key != nil {
		s.keys = []signingKey{newSigningKey(cfg.Key)}
	}
	s.SetURL(cfg.URL)
	s.route()
	return s
}

// SetURL says where the tenant is reached, which an httptest server knows only
// once it runs: the issuer is this with a slash at its end.
func (s *Server) SetURL(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.url = strings.TrimSuffix(url, "/")
}

// Issuer is the `iss` of the tenant's tokens.
func (s *Server) Issuer() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issuer()
}

func (s *Server) issuer() string { return s.url + "/" }

// Requests counts what has arrived, by "METHOD /path" with the path as it was
// sent: escaped, without its query. What was made to fail counts too.
func (s *Server) Requests() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.requests)
}

// ForwardedFor is the auth0-forwarded-for of the latest password grant; empty
// when it had none.
func (s *Server) ForwardedFor() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.address
}

func (s *Server) route() {
	s.mux.HandleFunc("GET /.well-known/openid-configuration", s.discovery)
	s.mux.HandleFunc("GET /.well-known/jwks.json", s.jwks)
	s.mux.HandleFunc("POST /oauth/token", s.token)
	for pattern, guarded := range map[string]struct {
		scope string
		serve func(http.ResponseWriter, *http.Request)
	}{
		"POST /api/v2/users":                   {"create:users", s.createUser},
		"GET /api/v2/users/{id}":               {"read:users", s.readUser},
		"PATCH /api/v2/users/{id}":             {"update:users", s.changeUser},
		"DELETE /api/v2/users/{id}":            {"delete:users", s.deleteUser},
		"GET /api/v2/clients/{id}":             {"read:clients", s.readClient},
		"GET /api/v2/connections":              {"read:connections", s.listConnections},
		"GET /api/v2/connections/{id}/clients": {"read:connections", s.connectionClients},
		"GET /api/v2/resource-servers/{id...}": {"read:resource_servers", s.readAPI},
	} {
		s.mux.HandleFunc(pattern, s.guard(guarded.scope, guarded.serve))
	}
}

// ServeHTTP answers as the tenant, or fails as it was told to.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests[r.Method+" "+r.URL.EscapedPath()]++
	status, down := s.trouble.next(r.URL.Path), s.trouble.down
	s.mu.Unlock()
	switch {
	case down:
		panic(http.ErrAbortHandler) // the connection is cut without a word
	case status != 0:
		s.fail(w, r, status)
	default:
		s.mux.ServeHTTP(w, r)
	}
}
