package tenant

import (
	"crypto/rand"
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// token is POST /oauth/token.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	in, ok := parameters(r)
	set := s.set()
	switch {
	case !ok:
		deny(w, http.StatusBadRequest, "invalid_request", "The body cannot be read.")
	case in("grant_type") == "":
		deny(w, http.StatusBadRequest, "invalid_request", "Missing required parameter: grant_type")
	case in("client_id") != s.cfg.ClientID, in("client_secret") != s.cfg.ClientSecret:
		deny(w, http.StatusUnauthorized, "access_denied", "Unauthorized")
	case in("grant_type") != GrantClientCredentials && in("grant_type") != GrantPasswordRealm:
		deny(w, http.StatusForbidden, "unsupported_grant_type", "Unsupported grant type: "+in("grant_type"))
	case !slices.Contains(set.GrantTypes, in("grant_type")):
		deny(w, http.StatusForbidden, "unauthorized_client", "Grant type '"+in("grant_type")+"' not allowed for the client.")
	case in("grant_type") == GrantClientCredentials:
		s.grantCredentials(w, in, set)
	default:
		s.grantPassword(w, r, in, set)
	}
}

// parameters reads a body in either form that Auth0 takes.
func parameters(r *http.Request) (in func(string) string, ok bool) {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media != "application/json" {
		err := r.ParseForm()
		return r.PostForm.Get, err == nil
	}
	var body map[string]string
	err := json.NewDecoder(r.Body).Decode(&body)
	return func(name string) string { return body[name] }, err == nil
}

func (s *Server) grantCredentials(w http.ResponseWriter, in func(string) string, set Settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	management := s.issuer() + "api/v2/"
	audience := in("audience")
	if audience != management && audience != s.cfg.Audience {
		deny(w, http.StatusForbidden, "access_denied", "Service not enabled within domain: "+audience)
		return
	}
	now := s.cfg.Now()
	claims := map[string]any{
		"iss": s.issuer(), "sub": s.cfg.ClientID + "@clients", "aud": audience, "azp": s.cfg.ClientID, "gty": "client-credentials",
		"iat": now.Unix(), "exp": now.Add(set.TokenLife).Unix(), "jti": rand.Text(),
	}
	answer := map[string]any{"token_type": "Bearer", "expires_in": int(set.TokenLife.Seconds())}
	if audience == management {
		scope := strings.Join(set.Scopes, " ")
		claims["scope"], answer["scope"] = scope, scope
	}
	token := s.sign(claims)
	answer["access_token"] = token
	if audience == management {
		s.granted[token] = granted{scopes: slices.Clone(set.Scopes), expiresAt: now.Add(set.TokenLife)}
	}
	write(w, http.StatusOK, answer)
}

// grantPassword checks in the tenant's order: parameters, brute force, password,
// block, second factor.
func (s *Server) grantPassword(w http.ResponseWriter, r *http.Request, in func(string) string, set Settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.address = r.Header.Get("Auth0-Forwarded-For")
	for _, name := range []string{"username", "password", "realm"} {
		if in(name) == "" {
			deny(w, http.StatusBadRequest, "invalid_request", "Missing required parameter: "+name)
			return
		}
	}
	who := attempt{strings.ToLower(in("username")), s.address}
	u := s.byEmail(in("username"))
	switch {
	case in("realm") != s.cfg.Connection || set.NoConnection || !set.Enabled:
		deny(w, http.StatusBadRequest, "invalid_request", "Unknown or invalid realm: "+in("realm"))
	case s.wrong[who] >= MaxWrong:
		deny(w, http.StatusTooManyRequests, "too_many_attempts", "Your account has been blocked after multiple consecutive login attempts. "+
			"We've sent you an email with instructions on how to unblock it.")
	case u == nil || u.password != in("password"):
		s.wrong[who]++
		deny(w, http.StatusForbidden, "invalid_grant", "Wrong email or password.")
	case u.Blocked:
		deny(w, http.StatusUnauthorized, "unauthorized", "user is blocked")
	case u.leaked:
		deny(w, http.StatusUnauthorized, "password_leaked", "This login has been blocked because your password has been leaked in another website. "+
			"We've sent you an email with instructions on how to unblock it.")
	case u.mfa:
		write(w, http.StatusForbidden, map[string]any{
			"error": "mfa_required", "error_description": "Multifactor authentication required", "mfa_token": rand.Text(),
		})
	default:
		delete(s.wrong, who)
		s.signIn(w, u, in("scope"), set)
	}
}

// signIn answers a right password.
func (s *Server) signIn(w http.ResponseWriter, u *user, scope string, set Settings) {
	now := s.cfg.Now()
	answer := map[string]any{
		"access_token": rand.Text(), // opaque: no audience was asked for
		"token_type":   "Bearer", "expires_in": int(set.TokenLife.Seconds()), "scope": scope,
	}
	if slices.Contains(strings.Fields(scope), "openid") {
		answer["id_token"] = s.sign(map[string]any{
			"iss": s.issuer(), "sub": u.ID, "aud": s.cfg.ClientID,
			"iat": now.Unix(), "exp": now.Add(set.TokenLife).Unix(),
		})
	}
	write(w, http.StatusOK, answer)
}
