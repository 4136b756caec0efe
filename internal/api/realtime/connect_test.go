package realtime_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/app"
)

func TestThreeWaysToSayWhoOneIs(t *testing.T) {
	t.Parallel()
	for name, options := range providers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			saysWhoOneIs(t, apitest.New(t, options...))
		})
	}
}

func saysWhoOneIs(t *testing.T, s *apitest.Server) {
	l := s.SignUp(t)
	var connected apiv2.RealtimeConnected

	l.Connect(t).Get(t, "connect", map[string]any{}, &connected)
	require.Equal(t, l.User.ID, connected.UserID)

	var ticket apiv2.RealtimeTicket
	l.Post(t, "/realtime/tickets", nil).Expect(t, http.StatusCreated, &ticket)
	require.Equal(t, 30, ticket.ExpiresIn)
	by, _, err := s.Nobody().Dial(t, apitest.Dial{Query: "ticket=" + ticket.Ticket})
	require.NoError(t, err)
	by.Get(t, "connect", map[string]any{}, &connected)
	require.Equal(t, l.User.ID, connected.UserID)

	by, _, err = s.Nobody().Dial(t, apitest.Dial{})
	require.NoError(t, err)
	by.Get(t, "connect", map[string]any{"token": l.Tokens.AccessToken}, &connected)
	require.Equal(t, l.User.ID, connected.UserID)
	by.Get(t, "echo", "here", nil)
	require.NotContains(t, s.Logs.String(), ticket.Ticket)
	require.NotContains(t, s.Logs.String(), l.Tokens.AccessToken)
}

func TestAHandshakeIsRefusedWithAProblem(t *testing.T) {
	t.Parallel()
	s := serve(t, apitest.WithConfig(func(c *app.Config) { c.AllowedOrigins = []string{"https://app.fluentpro.test"} }))
	l := s.SignUp(t)
	var ticket apiv2.RealtimeTicket
	l.Do(t, apitest.Call{Method: http.MethodPost, Path: "/realtime/tickets", Header: map[string]string{"Origin": "https://app.fluentpro.test"}}).
		Expect(t, http.StatusCreated, &ticket)
	own := strings.Replace(s.URL, "http://", "", 1)
	for name, c := range map[string]struct {
		by     *apitest.Learner
		dial   apitest.Dial
		status int
	}{
		"another subprotocol": {l, apitest.Dial{Protocol: "chat"}, 400},
		"a foreign page":      {l, apitest.Dial{Header: http.Header{"Origin": {"https://evil.test"}}}, 403},
		"no page":             {l, apitest.Dial{Header: http.Header{"Origin": {"null"}}}, 403},
		"a page like ours":    {l, apitest.Dial{Header: http.Header{"Origin": {"http://evil-" + own}}}, 403},
		"a bad token":         {s.Nobody(), apitest.Dial{Header: http.Header{"Authorization": {"Bearer a.b.c"}}}, 401},
		"an unknown ticket":   {s.Nobody(), apitest.Dial{Query: "ticket=" + strings.Repeat("a", 43)}, 401},
		"a ticket of a page":  {s.Nobody(), apitest.Dial{Query: "ticket=" + ticket.Ticket}, 401},
		"no ticket at all":    {s.Nobody(), apitest.Dial{Query: "ticket=%20"}, 400},
		"a bad token goes before a good ticket": {
			s.Nobody(), apitest.Dial{Header: http.Header{"Authorization": {"Basic eA=="}}, Query: "ticket=" + ticket.Ticket}, 401,
		},
	} {
		_, response, err := c.by.Dial(t, c.dial)
		require.Error(t, err, name)
		require.NotNil(t, response, "%s: %v", name, err)
		require.Equal(t, c.status, response.StatusCode, name)
		require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"), name)
	}
	l.Get(t, "/realtime").Refused(t, http.StatusBadRequest, "realtime.not_a_websocket")
	for _, origin := range []string{"https://app.fluentpro.test", s.URL} {
		_, _, err := l.Dial(t, apitest.Dial{Header: http.Header{"Origin": {origin}}})
		require.NoError(t, err, origin)
	}
}

func TestATicketOpensOneConnection(t *testing.T) {
	t.Parallel()
	for name, options := range providers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opensOneConnection(t, apitest.New(t, options...))
		})
	}
}

func opensOneConnection(t *testing.T, s *apitest.Server) {
	l := s.SignUp(t)
	var ticket apiv2.RealtimeTicket
	l.Post(t, "/realtime/tickets", nil).Expect(t, http.StatusCreated, &ticket)
	_, _, err := s.Nobody().Dial(t, apitest.Dial{Query: "ticket=" + ticket.Ticket})
	require.NoError(t, err)
	_, response, err := s.Nobody().Dial(t, apitest.Dial{Query: "ticket=" + ticket.Ticket})
	require.Error(t, err)
	require.Equal(t, http.StatusUnauthorized, response.StatusCode)

	l.Post(t, "/realtime/tickets", nil).Expect(t, http.StatusCreated, &ticket)
	l.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/sessions/current"}).Expect(t, http.StatusNoContent, nil)
	_, response, err = s.Nobody().Dial(t, apitest.Dial{Query: "ticket=" + ticket.Ticket})
	require.Error(t, err)
	require.Equal(t, http.StatusUnauthorized, response.StatusCode, "a ticket of a session that has ended")
}

func TestWhoDoesNotSayWhoTheyAreIsClosed(t *testing.T) {
	t.Parallel()
	s := serve(t, apitest.WithConnectWait(200*time.Millisecond))
	for name, say := range map[string]func(*apitest.Socket){
		"silence":      func(*apitest.Socket) {},
		"another verb": func(c *apitest.Socket) { c.Refused(t, "echo", 1, "auth.required") },
		"no token":     func(c *apitest.Socket) { c.Refused(t, "connect", map[string]any{}, "auth.required") },
		"a bad token": func(c *apitest.Socket) {
			c.Refused(t, "connect", map[string]any{"token": "a.b.c"}, "auth.invalid_token")
		},
		"a bad command":  func(c *apitest.Socket) { c.Refused(t, "connect", map[string]any{"tokens": "a"}, "request.invalid") },
		"unknown a verb": func(c *apitest.Socket) { c.Refused(t, "dance", map[string]any{}, "request.invalid") },
	} {
		c, _, err := s.Nobody().Dial(t, apitest.Dial{})
		require.NoError(t, err)
		say(c)
		require.Equal(t, 4501, c.Closed(t), name)
	}
}

func TestASessionThatEndsEndsItsConnections(t *testing.T) {
	t.Parallel()
	for name, option := range providers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := apitest.New(t, option...)
			admin := s.Admin(t)
			for reason, end := range map[string]func(l *apitest.Learner){
				"revoked": func(l *apitest.Learner) {
					l.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/sessions/current"}).Expect(t, http.StatusNoContent, nil)
				},
				"deactivated": func(l *apitest.Learner) {
					admin.Do(t, apitest.Call{Method: http.MethodPatch, Path: "/admin/users/" + l.User.ID.String(), Body: map[string]any{"is_active": false}}).
						Expect(t, http.StatusOK, nil)
				},
			} {
				l := s.SignUp(t)
				c := l.Connect(t)
				c.Get(t, "echo", 1, nil)
				end(l)
				began := time.Now()
				require.Equal(t, 4520, c.Closed(t), reason)
				t.Logf("%s: closed after %s", reason, time.Since(began).Round(time.Millisecond))
			}
		})
	}
}

// On another node a session's end is known by reading the table every half a second.
func TestASessionThatEndsIsClosedOnEveryNode(t *testing.T) {
	t.Parallel()
	s := serve(t)
	beside := apitest.New(t, apitest.Beside(s))
	l := s.SignUp(t)
	c := l.On(beside).Connect(t)
	c.Get(t, "echo", 1, nil)
	l.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/sessions/current"}).Expect(t, http.StatusNoContent, nil)
	require.Equal(t, 4520, c.Closed(t))
}

func TestAConnectionLastsAsLongAsItsToken(t *testing.T) {
	t.Parallel()
	s := serve(t, apitest.WithConfig(func(c *app.Config) { c.TokenLifetime = time.Minute }))
	l := s.SignUp(t)
	s.Clock.Advance(time.Minute - 2*time.Second)
	c, renewed := l.Connect(t), l.Connect(t)
	var tokens apiv2.RefreshResult
	l.Post(t, "/sessions/refresh", map[string]any{"refresh_token": l.Tokens.RefreshToken}).Expect(t, http.StatusOK, &tokens)
	var connected apiv2.RealtimeConnected
	renewed.Get(t, "connect", map[string]any{"token": tokens.Tokens.AccessToken}, &connected)
	require.WithinDuration(t, s.Clock.Now().Add(time.Minute), connected.ExpiresAt, 5*time.Second)
	require.Equal(t, 4401, c.Closed(t))
	renewed.Get(t, "echo", 1, nil)

	other := s.SignUp(t)
	renewed.Refused(t, "connect", map[string]any{"token": other.Tokens.AccessToken}, "auth.forbidden")
	renewed.Refused(t, "connect", map[string]any{"token": l.Tokens.AccessToken + "x"}, "auth.invalid_token")
	renewed.Get(t, "echo", 1, nil)
}

func TestStrangersOfOneAddressAreBounded(t *testing.T) {
	t.Parallel()
	s := serve(t)
	l := s.SignUp(t)
	var first *apitest.Socket
	for range 32 {
		c, _, err := s.Nobody().Dial(t, apitest.Dial{})
		require.NoError(t, err)
		first = c
	}
	_, response, err := s.Nobody().Dial(t, apitest.Dial{})
	require.Error(t, err)
	require.Equal(t, http.StatusTooManyRequests, response.StatusCode)
	require.NotEmpty(t, response.Header.Get("Retry-After"))
	l.Connect(t).Get(t, "echo", 1, nil) // who is known is not held up by who is not
	first.Get(t, "connect", map[string]any{"token": l.Tokens.AccessToken}, nil)
	_, _, err = s.Nobody().Dial(t, apitest.Dial{})
	require.NoError(t, err, "there is room again")
}

func TestTheOldestOfNineConnectionsIsReplacedOnWhicheverNode(t *testing.T) {
	t.Parallel()
	s := serve(t)
	beside := apitest.New(t, apitest.Beside(s))
	l := s.SignUp(t)
	oldest := l.Connect(t)
	oldest.Get(t, "echo", 1, nil)
	var rest []*apitest.Socket
	for i := range 8 {
		by := l
		if i%2 == 0 {
			by = l.On(beside)
		}
		c := by.Connect(t)
		c.Get(t, "echo", 1, nil)
		rest = append(rest, c)
	}
	require.Equal(t, 4509, oldest.Closed(t))
	for _, c := range rest {
		c.Get(t, "echo", 1, nil)
	}
}

func TestTheAsyncAPIDocumentRefersToSchemasThatAreServed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	text := s.Nobody().Get(t, "/asyncapi.yaml").Expect(t, http.StatusOK, nil).Body
	var names []string
	for _, found := range regexp.MustCompile(`\$ref: (?:'#|(\S+#/components/schemas/(\w+)))`).FindAllSubmatch(text, -1) {
		if len(found[1]) == 0 {
			continue
		}
		require.True(t, strings.HasPrefix(string(found[1]), "openapi/v2.yaml#"), "%s", found[1])
		require.Contains(t, apitest.Contract().Components.Schemas, string(found[2]))
		names = append(names, string(found[2]))
	}
	require.Equal(t, []string{"RealtimeCommand", "RealtimeReply", "RealtimePush"}, names)
	require.NotContains(t, string(text), "schemas/realtime.yaml")
}
