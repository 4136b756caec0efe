package v2_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
)

// eachProvider runs a journey with every keeper of passwords: learners must not see
// which one it is.
func eachProvider(t *testing.T, journey func(t *testing.T, provider apitest.Option)) {
	t.Helper()
	for name, provider := range map[string]apitest.Option{
		"local": apitest.WithConfig(func(*app.Config) {}), "auth0": apitest.WithTenant(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			journey(t, provider)
		})
	}
}

// logIn asks for a session.
func logIn(t *testing.T, s *apitest.Server, email, password string) apitest.Answer {
	t.Helper()
	return s.Nobody().Post(t, "/sessions", map[string]any{"email": email, "password": password})
}

// enter signs a learner in once more: the same person with another device.
func enter(t *testing.T, s *apitest.Server, l *apitest.Learner, device string) (*apitest.Learner, apiv2.Session) {
	t.Helper()
	var in apiv2.LogInResult
	s.Nobody().Post(t, "/sessions", map[string]any{"email": l.User.Email, "password": apitest.Password, "device_name": device}).
		Expect(t, http.StatusCreated, &in)
	other := l.On(s)
	other.User, other.Tokens = in.User, in.Tokens
	return other, in.Session
}

// refresh trades a learner's refresh token.
func refresh(t *testing.T, s *apitest.Server, token string) apitest.Answer {
	t.Helper()
	return s.Nobody().Post(t, "/sessions/refresh", map[string]any{"refresh_token": token})
}

// requireOver checks that nothing of a session is taken any more, on any of the nodes.
func requireOver(t *testing.T, l *apitest.Learner, nodes ...*apitest.Server) {
	t.Helper()
	for _, s := range nodes {
		l.On(s).Get(t, "/users/me").Refused(t, http.StatusUnauthorized, "auth.invalid_token")
		if l.Tokens.RefreshToken != "" { // a tenant's token has none of ours
			refresh(t, s, l.Tokens.RefreshToken).Refused(t, http.StatusUnauthorized, "auth.invalid_refresh_token")
		}
	}
}

// follow opens the events of a task at a node and reads the first of them.
func follow(t *testing.T, l *apitest.Learner, taskID string) *sse.Reader {
	t.Helper()
	response := l.Open(t.Context(), t, apitest.Call{Method: http.MethodGet, Path: "/tasks/" + taskID + "/events"})
	t.Cleanup(func() { _ = response.Body.Close() })
	stream := liveEvents(t, response)
	_, err := stream.Next()
	require.NoError(t, err)
	return stream
}

// requireEndsRevoked reads a stream to its end: session.revoked, without a cursor.
func requireEndsRevoked(t *testing.T, stream *sse.Reader) {
	t.Helper()
	var last sse.Event
	for {
		e, err := stream.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		last = e
	}
	require.Equal(t, "session.revoked", last.Name)
}

func sessionsOf(t *testing.T, l *apitest.Learner) []apiv2.Session {
	t.Helper()
	var page apiv2.SessionPage
	l.Get(t, "/sessions").Expect(t, http.StatusOK, &page)
	return page.Data
}

func TestWhoSignedUpLogsInWithTheRightPasswordAlone(t *testing.T) {
	t.Parallel()
	eachProvider(t, func(t *testing.T, provider apitest.Option) {
		s := apitest.New(t, provider)
		l := s.SignUp(t)
		email := string(l.User.Email)
		l.Get(t, "/users/me").Expect(t, http.StatusOK, nil)
		var in apiv2.LogInResult
		logIn(t, s, email, apitest.Password).Expect(t, http.StatusCreated, &in)
		require.Equal(t, l.User, in.User)
		logIn(t, s, email, "Wrong-Light-42").Refused(t, http.StatusUnauthorized, "auth.invalid_credentials")
		logIn(t, s, "nobody@example.com", apitest.Password).Refused(t, http.StatusUnauthorized, "auth.invalid_credentials")
		for _, password := range []string{apitest.Password, "Another-Light-42"} {
			s.Nobody().Post(t, "/users", signUpBody(func(b map[string]any) { b["email"], b["password"] = email, password })).
				Refused(t, http.StatusConflict, "user.email_taken")
		}
		logIn(t, s, email, apitest.Password).Expect(t, http.StatusCreated, nil)
	})
}

func TestARevokedSessionIsOverOnEveryNode(t *testing.T) {
	t.Parallel()
	eachProvider(t, func(t *testing.T, provider apitest.Option) {
		s, laptop, work := errands(t, provider)
		two := apitest.New(t, apitest.Beside(s), work.register())
		phone, session := enter(t, s, laptop, "phone")
		made := startErrand(t, s, laptop)
		streams := []*sse.Reader{follow(t, phone, made.ID.String()), follow(t, phone.On(two), made.ID.String())}
		goesOn := follow(t, laptop.On(two), made.ID.String())

		listed := sessionsOf(t, laptop)
		require.Len(t, listed, 2)
		require.Equal(t, session.ID, listed[0].ID, "the newest sign-in first")
		require.Equal(t, "phone", listed[0].Device)
		require.False(t, listed[0].Current)
		require.True(t, listed[1].Current)

		revoke := apitest.Call{Method: http.MethodDelete, Path: "/sessions/" + session.ID.String()}
		laptop.Do(t, revoke).Expect(t, http.StatusNoContent, nil)
		requireOver(t, phone, s, two)
		for _, stream := range streams {
			requireEndsRevoked(t, stream)
		}
		laptop.Do(t, revoke).Refused(t, http.StatusNotFound, "resource.not_found")
		require.Len(t, sessionsOf(t, laptop), 1)

		work.gives(nil)
		last, err := goesOn.Next()
		for err == nil && last.Name == "task.progressed" {
			last, err = goesOn.Next()
		}
		require.NoError(t, err)
		require.Equal(t, "task.completed", last.Name, "the other session is not disturbed")
	})
}

func TestLoggingOutEndsTheSessionThatAsks(t *testing.T) {
	t.Parallel()
	eachProvider(t, func(t *testing.T, provider apitest.Option) {
		s := apitest.New(t, provider)
		laptop := s.SignUp(t)
		phone, _ := enter(t, s, laptop, "phone")
		phone.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/sessions/current"}).Expect(t, http.StatusNoContent, nil)
		requireOver(t, phone, s)
		laptop.Get(t, "/users/me").Expect(t, http.StatusOK, nil)
	})
}

func TestRevokingTheOthersLeavesTheOneThatAsks(t *testing.T) {
	t.Parallel()
	eachProvider(t, func(t *testing.T, provider apitest.Option) {
		s := apitest.New(t, provider)
		two := apitest.New(t, apitest.Beside(s))
		laptop := s.SignUp(t)
		phone, _ := enter(t, s, laptop, "phone")
		tablet, _ := enter(t, two, laptop, "tablet")
		tablet.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/sessions"}).Expect(t, http.StatusNoContent, nil)
		requireOver(t, laptop, s, two)
		requireOver(t, phone, s, two)
		left := sessionsOf(t, tablet)
		require.Len(t, left, 1)
		require.Equal(t, "tablet", left[0].Device)
		refresh(t, s, tablet.Tokens.RefreshToken).Expect(t, http.StatusOK, nil)
	})
}
