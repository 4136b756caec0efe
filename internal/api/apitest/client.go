package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/account"
)

// Password is what every learner of the tests signs up with.
const Password = "Harbour-Light-42"

var learners atomic.Int64

// Learner is someone signed in, or nobody when Token is empty.
type Learner struct {
	server *Server
	User   apiv2.User
	Tokens apiv2.Tokens
}

// Answer is a response that was read whole.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Call is one request.
type Call struct {
	Method string
	Path   string // below /api/v2, or one outside versions
	Body   any    // nil: none; []byte: as it is; else JSON
	Header map[string]string
}

// Nobody is a client without a token.
func (s *Server) Nobody() *Learner { return &Learner{server: s} }

// SignUp makes a new learner.
func (s *Server) SignUp(t testing.TB) *Learner {
	t.Helper()
	l := s.Nobody()
	var made apiv2.SignUpResult
	email := fmt.Sprintf("learner-%d@example.com", learners.Add(1))
	l.Post(t, "/users", map[string]any{"email": email, "password": Password, "full_name": "Mei Chen"}).Expect(t, http.StatusCreated, &made)
	l.User, l.Tokens = made.User, made.Tokens
	return l
}

// Admin makes a new user with the role admin.
func (s *Server) Admin(t testing.TB) *Learner {
	t.Helper()
	return s.with(t, account.RoleAdmin)
}

// Moderator makes a new user with the role moderator.
func (s *Server) Moderator(t testing.TB) *Learner {
	t.Helper()
	return s.with(t, account.RoleModerator)
}

// with makes a new user with a role, whose token says so.
func (s *Server) with(t testing.TB, role string) *Learner {
	t.Helper()
	l := s.SignUp(t)
	_, err := account.GrantRole(t.Context(), s.Pool(t), string(l.User.Email), role, s.Clock.Now())
	require.NoError(t, err)
	var in apiv2.LogInResult
	l.Post(t, "/sessions", map[string]any{"email": l.User.Email, "password": Password}).Expect(t, http.StatusCreated, &in)
	l.User, l.Tokens = in.User, in.Tokens
	return l
}

// On is the same learner at another node.
func (l *Learner) On(s *Server) *Learner { return &Learner{server: s, User: l.User, Tokens: l.Tokens} }

// Open sends a call and gives the response as it begins; the caller closes it.
func (l *Learner) Open(ctx context.Context, t testing.TB, c Call) *http.Response {
	t.Helper()
	response, err := l.open(ctx, c)
	require.NoError(t, err)
	return response
}

func (l *Learner) open(ctx context.Context, c Call) (*http.Response, error) {
	var body io.Reader
	switch b := c.Body.(type) {
	case nil:
	case []byte:
		body = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, c.Method, l.server.path("%s", c.Path), body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if l.Tokens.AccessToken != "" {
		request.Header.Set("Authorization", "Bearer "+l.Tokens.AccessToken)
	}
	for name, value := range c.Header {
		request.Header.Set(name, value)
	}
	return l.server.client.Do(request)
}

// Do sends a call and reads the whole answer.
func (l *Learner) Do(t testing.TB, c Call) Answer {
	t.Helper()
	response := l.Open(t.Context(), t, c)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return Answer{Status: response.StatusCode, Header: response.Header, Body: body}
}

// Get reads.
func (l *Learner) Get(t testing.TB, path string, args ...any) Answer {
	t.Helper()
	return l.Do(t, Call{Method: http.MethodGet, Path: fmt.Sprintf(path, args...)})
}

// Post sends a body.
func (l *Learner) Post(t testing.TB, path string, body any) Answer {
	t.Helper()
	return l.Do(t, Call{Method: http.MethodPost, Path: path, Body: body})
}

// Expect checks the status and reads the body into out, unless that is nil.
func (a Answer) Expect(t testing.TB, status int, out any) Answer {
	t.Helper()
	require.Equal(t, status, a.Status, "%s", a.Body)
	if out != nil {
		require.NoError(t, json.Unmarshal(a.Body, out), "%s", a.Body)
	}
	return a
}

// Refused checks for a problem of this status and code, and gives it.
func (a Answer) Refused(t testing.TB, status int, code string) apiv2.Problem {
	t.Helper()
	var p apiv2.Problem
	a.Expect(t, status, &p)
	require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"))
	require.Equal(t, code, string(p.Code), "%s", a.Body)
	return p
}

// Talk starts a conversation with a supplier in a negotiation.
func (l *Learner) Talk(t testing.TB) apiv2.Conversation {
	t.Helper()
	var c apiv2.Conversation
	l.Post(t, "/conversations", map[string]any{"partner_id": "suppliers", "situation_id": "negotiations"}).
		Expect(t, http.StatusCreated, &c)
	return c
}

// Say sends a message and does not wait for the reply.
func (l *Learner) Say(t testing.TB, c apiv2.Conversation, content string) apiv2.CreateMessageResult {
	t.Helper()
	var sent apiv2.CreateMessageResult
	l.Post(t, fmt.Sprintf("/conversations/%s/messages", c.ID), map[string]any{"content": content}).
		Expect(t, http.StatusAccepted, &sent)
	return sent
}
