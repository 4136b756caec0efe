package main

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5/pgxpool"
)

// bare is the baseline: net/http and pgx with nothing else on. It checks the
// service's own tokens and reads the service's own rows.
type bare struct {
	pool   *pgxpool.Pool
	parser *jwt.Parser
	keys   map[string]*rsa.PublicKey
	proven sync.Map // token to subject, for the route that checks each once
}

// serveBare is the mode `bare`: it takes the database, and the address of a node
// whose tokens it believes.
func serveBare(ctx context.Context, database, node string) error {
	pool, err := pgxpool.New(ctx, database+"&pool_max_conns=16")
	if err != nil {
		return err
	}
	defer pool.Close()
	_, err = pool.Exec(ctx, `create table if not exists bare_messages (
		id uuid primary key, user_id uuid not null, content text not null, created_at timestamptz not null)`)
	if err != nil {
		return err
	}
	b := &bare{pool: pool, parser: jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired())}
	if b.keys, err = publicKeys(ctx, node); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /me", b.me(b.check))
	mux.HandleFunc("GET /cached/me", b.me(b.checkOnce))
	mux.HandleFunc("POST /messages", b.insert)
	mux.HandleFunc("GET /api/v2/realtime", bareEcho)
	return serveHere(ctx, mux)
}

// publicKeys reads a JWKS (RFC 7517).
func publicKeys(ctx context.Context, node string) (map[string]*rsa.PublicKey, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, node+"/.well-known/jwks.json", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // it is read whole
	var set struct {
		Keys []struct{ Kid, N, E string } `json:"keys"`
	}
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		return nil, err
	}
	keys := map[string]*rsa.PublicKey{}
	for _, k := range set.Keys {
		n, err1 := base64.RawURLEncoding.DecodeString(k.N)
		e, err2 := base64.RawURLEncoding.DecodeString(k.E)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		keys[k.Kid] = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	}
	return keys, nil
}

// check proves a token with RSA each time.
func (b *bare) check(token string) (subject string, err error) {
	var c jwt.RegisteredClaims
	_, err = b.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		return b.keys[kid], nil
	})
	return c.Subject, err
}

// checkOnce proves a token the first time it comes.
func (b *bare) checkOnce(token string) (string, error) {
	if subject, ok := b.proven.Load(token); ok {
		return subject.(string), nil
	}
	subject, err := b.check(token)
	if err == nil {
		b.proven.Store(token, subject)
	}
	return subject, err
}

// bareUser has the members of the service's answer.
type bareUser struct {
	ID             string    `json:"id"`
	Email          string    `json:"email"`
	FullName       string    `json:"full_name"`
	EmailVerified  bool      `json:"email_verified"`
	NativeLanguage *string   `json:"native_language"`
	Roles          []string  `json:"roles"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

// me answers with one row by its key.
func (b *bare) me(check func(string) (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		subject, err := check(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		if err != nil {
			http.Error(w, "token", http.StatusUnauthorized)
			return
		}
		var u bareUser
		err = b.pool.QueryRow(r.Context(), `select id::text, email, full_name, email_verified, native_language, roles, created_at, updated_at
			from users where id = $1`, subject).Scan(&u.ID, &u.Email, &u.FullName, &u.EmailVerified, &u.NativeLanguage, &u.Roles, &u.CreatedAt, &u.UpdatedAt)
		reply(w, http.StatusOK, u, err)
	}
}

// bareEcho sends each frame back as it is.
func bareEcho(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{Subprotocols: []string{"fluentpro.v2.json"}}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // it has answered
	}
	defer func() { _ = conn.Close() }()
	for {
		kind, text, err := conn.ReadMessage()
		if err != nil || conn.WriteMessage(kind, text) != nil {
			return
		}
	}
}

// insert validates a message and stores it as one row.
func (b *bare) insert(w http.ResponseWriter, r *http.Request) {
	subject, err := b.check(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	if err != nil {
		http.Error(w, "token", http.StatusUnauthorized)
		return
	}
	var in struct {
		Content string `json:"content"`
	}
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	body.DisallowUnknownFields()
	if err := body.Decode(&in); err != nil {
		http.Error(w, "body", http.StatusBadRequest)
		return
	}
	if n := utf8.RuneCountInString(in.Content); n < 1 || n > 8000 {
		http.Error(w, "content", http.StatusBadRequest)
		return
	}
	row := struct {
		ID        uuid.UUID `json:"id"`
		Content   string    `json:"content"`
		CreatedAt time.Time `json:"created_at"`
	}{uuid.Must(uuid.NewV7()), in.Content, time.Now()}
	_, err = b.pool.Exec(r.Context(), "insert into bare_messages (id, user_id, content, created_at) values ($1, $2, $3, $4)",
		row.ID, subject, row.Content, row.CreatedAt)
	reply(w, http.StatusCreated, row, err)
}

func reply(w http.ResponseWriter, status int, body any, err error) {
	if err != nil {
		http.Error(w, "database", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that has left needs no answer
}

// startBare starts the baseline beside a node.
func (s *stage) startBare(ctx context.Context, self string, node *child) (*child, error) {
	c, err := s.start(ctx, self, nil, "bare", s.database, node.url)
	if err != nil {
		return nil, err
	}
	return c, c.told(ctx)
}

// drain reads the rest of an answer, so that its connection is used again.
func drain(response *http.Response) error {
	_, err := io.Copy(io.Discard, response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}
