package tenant

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Grant types by Auth0's names.
const (
	GrantPasswordRealm     = "http://auth0.com/oauth/grant-type/password-realm"
	GrantClientCredentials = "client_credentials"
)

// Settings is what an operator sets in the dashboard, rightly at first.
type Settings struct {
	Issuer         string   // of the discovery document alone; empty: the tenant's
	GrantTypes     []string // of the application
	FirstParty     bool
	AuthMethod     string // of the application at the token endpoint
	ClientAlg      string // of the application's id tokens; only RS256 is really done
	NoApplication  bool   // the application cannot be read
	Scopes         []string
	Strategy       string // of the connection
	Enabled        bool   // the connection for the application
	NoEnabledField bool   // the connection's enabled_clients is left out, as tenants made since 2026 do
	NoConnection   bool
	SigningAlg     string // of the API; only RS256 is really done
	NoAPI          bool
	NoKeys         bool          // the key set is published empty
	PasswordPolicy string        // none, low, fair or good, as the connection's is called
	RateLimit      int           // requests to the Management API in RateWindow; 0: any number
	RateWindow     time.Duration // by the tenant's clock
	TokenLife      time.Duration // of what a grant gives
}

func defaults() Settings {
	return Settings{
		GrantTypes: []string{GrantClientCredentials, GrantPasswordRealm},
		FirstParty: true,
		AuthMethod: "client_secret_post",
		ClientAlg:  "RS256",
		Scopes: []string{
			"read:users", "create:users", "update:users", "delete:users",
			"read:clients", "read:connections", "read:resource_servers",
		},
		Strategy:       "auth0",
		Enabled:        true,
		SigningAlg:     "RS256",
		PasswordPolicy: "good",
		RateWindow:     time.Second,
		TokenLife:      24 * time.Hour,
	}
}

// Configure changes the settings from the next request on. Tokens given out keep
// the scopes they have. change must not call the server.
func (s *Server) Configure(change func(*Settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.settings)
}

// set gives the settings as they are now.
func (s *Server) set() Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings
}

func (s *Server) discovery(w http.ResponseWriter, _ *http.Request) {
	issuer, base := s.Issuer(), strings.TrimSuffix(s.Issuer(), "/")
	named := s.set().Issuer
	if named == "" {
		named = issuer
	}
	write(w, http.StatusOK, map[string]any{
		"issuer":                                named,
		"token_endpoint":                        base + "/oauth/token",
		"jwks_uri":                              base + "/.well-known/jwks.json",
		"id_token_signing_alg_values_supported": []string{"HS256", "RS256", "PS256"},
	})
}

func (s *Server) readClient(w http.ResponseWriter, r *http.Request) {
	set := s.set()
	if r.PathValue("id") != s.cfg.ClientID || set.NoApplication {
		refuse(w, http.StatusNotFound, "inexistent_client", "The client does not exist")
		return
	}
	write(w, http.StatusOK, map[string]any{
		"client_id":                  s.cfg.ClientID,
		"name":                       "FluentPro",
		"app_type":                   "non_interactive",
		"grant_types":                set.GrantTypes,
		"is_first_party":             set.FirstParty,
		"token_endpoint_auth_method": set.AuthMethod,
		"jwt_configuration":          map[string]any{"alg": set.ClientAlg},
	})
}

const connectionID = "con_0000000000000001"

func (s *Server) listConnections(w http.ResponseWriter, r *http.Request) {
	set := s.set()
	list := []map[string]any{}
	if name := r.URL.Query().Get("name"); !set.NoConnection && (name == "" || name == s.cfg.Connection) {
		one := map[string]any{"id": connectionID, "name": s.cfg.Connection, "strategy": set.Strategy, "realms": []string{s.cfg.Connection}}
		if !set.NoEnabledField {
			one["enabled_clients"] = s.enabledClients(set)
		}
		list = append(list, one)
	}
	write(w, http.StatusOK, list)
}

// connectionClients lists one application on each page, so that whoever reads
// must turn pages.
func (s *Server) connectionClients(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("id") != connectionID {
		refuse(w, http.StatusNotFound, "inexistent_connection", "The connection does not exist")
		return
	}
	clients := s.enabledClients(s.set())
	at := max(slices.Index(clients, r.URL.Query().Get("from")), 0)
	page := map[string]any{"clients": []map[string]string{{"client_id": clients[at]}}}
	if at+1 < len(clients) {
		page["next"] = clients[at+1]
	}
	write(w, http.StatusOK, page)
}

func (s *Server) enabledClients(set Settings) []string {
	clients := []string{"another-client"}
	if set.Enabled {
		clients = append(clients, s.cfg.ClientID)
	}
	return clients
}

func (s *Server) readAPI(w http.ResponseWriter, r *http.Request) {
	set := s.set()
	if r.PathValue("id") != s.cfg.Audience || set.NoAPI {
		refuse(w, http.StatusNotFound, "inexistent_resource_server", "The resource server does not exist")
		return
	}
	write(w, http.StatusOK, map[string]any{
		"id": "api_0000000000000001", "name": "FluentPro", "identifier": s.cfg.Audience, "signing_alg": set.SigningAlg,
	})
}
