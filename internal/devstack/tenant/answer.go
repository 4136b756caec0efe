package tenant

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds a request.
const maxBody = 1 << 20

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may have left
}

// refuse answers in the Management API's form.
func refuse(w http.ResponseWriter, status int, code, message string) {
	body := map[string]any{"statusCode": status, "error": http.StatusText(status), "message": message}
	if code != "" {
		body["errorCode"] = code
	}
	write(w, status, body)
}

// deny answers in OAuth's form.
func deny(w http.ResponseWriter, status int, code, description string) {
	write(w, status, map[string]any{"error": code, "error_description": description})
}

// fail answers with a status that was ordered by Fail.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, status int) {
	code := strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_")
	if status == http.StatusTooManyRequests {
		code = "too_many_requests"
		s.mu.Lock()
		reset := s.cfg.Now().Add(s.settings.RateWindow)
		s.mu.Unlock()
		limitHeaders(w, 1, 0, reset)
	}
	if strings.HasPrefix(r.URL.Path, "/api/v2/") {
		refuse(w, status, code, "As ordered.")
		return
	}
	deny(w, status, code, "As ordered.")
}

func limitHeaders(w http.ResponseWriter, limit, remaining int, reset time.Time) {
	h := w.Header()
	h.Set("X-Ratelimit-Limit", strconv.Itoa(limit))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(remaining))
	h.Set("X-Ratelimit-Reset", strconv.FormatInt(reset.Unix(), 10))
}

// granted is a token for the Management API.
type granted struct {
	scopes    []string
	expiresAt time.Time
}

// guard asks for a token with a scope, and counts against the rate limit.
func (s *Server) guard(scope string, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		s.mu.Lock()
		now := s.cfg.Now()
		g, known := s.granted[token]
		within := s.window.take(w, s.settings, now)
		s.mu.Unlock()
		switch {
		case !within:
			refuse(w, http.StatusTooManyRequests, "too_many_requests", "Global limit has been reached")
		case !bearer:
			refuse(w, http.StatusUnauthorized, "", "Missing authentication")
		case !known:
			refuse(w, http.StatusUnauthorized, "", "Invalid token")
		case !now.Before(g.expiresAt):
			refuse(w, http.StatusUnauthorized, "", "Expired token received for JSON Web Token validation")
		case !slices.Contains(g.scopes, scope):
			refuse(w, http.StatusForbidden, "insufficient_scope", "Insufficient scope, expected any of: "+scope)
		default:
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			serve(w, r)
		}
	}
}

// window counts the requests of one window of the rate limit.
type window struct {
	endsAt time.Time
	used   int
}

const unlimited = 1000 // what the headers say where nothing is limited

// take counts one request, says so in the headers, and tells whether it is within.
func (l *window) take(w http.ResponseWriter, set Settings, now time.Time) bool {
	if !now.Before(l.endsAt) {
		l.endsAt, l.used = now.Add(set.RateWindow), 0
	}
	if set.RateLimit == 0 {
		limitHeaders(w, unlimited, unlimited-1, l.endsAt)
		return true
	}
	l.used++
	limitHeaders(w, set.RateLimit, max(set.RateLimit-l.used, 0), l.endsAt)
	return l.used <= set.RateLimit
}
