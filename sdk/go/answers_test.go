package fluentpro_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	openapi_types "github.com/oapi-codegen/runtime/types"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/client"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	fluentpro "github.com/fluentpro/fluentpro/sdk/go"
)

func TestARefusalIsAProblem(t *testing.T) {
	t.Parallel()
	api, _ := account(t, apitest.Shared(t))
	me, err := api.GetMeWithResponse(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "Mei Chen", me.JSON200.FullName)

	_, err = api.SignUpWithResponse(t.Context(), nil, client.SignUpRequest{Email: me.JSON200.Email, Password: apitest.Password, FullName: "Mei Chen"})
	require.True(t, fluentpro.Is(err, client.UserEmailTaken))
	require.False(t, fluentpro.Is(err, client.RequestInvalid))
	_, err = api.SignUpWithResponse(t.Context(), nil, client.SignUpRequest{Email: openapi_types.Email("mei@example.com"), Password: "short", FullName: "Mei Chen"})
	p, ok := errors.AsType[*fluentpro.Problem](err)
	require.True(t, ok)
	require.Equal(t, http.StatusBadRequest, p.Status)
	require.Equal(t, client.RequestInvalid, p.Code)
	require.Equal(t, "/password", (*p.Errors)[0].Pointer)
	require.Contains(t, err.Error(), "400 request.invalid: ")
	require.Contains(t, err.Error(), "/password (too_short)")
	require.Contains(t, err.Error(), "(request "+p.RequestID+")")
}

func TestWhatIsNotTheServicesIsAProblemToo(t *testing.T) {
	t.Parallel()
	api, _ := scripted(t, answer(http.StatusBadGateway, "text/html", "<html>", "Retry-After", "7"))
	_, err := api.GetMeWithResponse(t.Context(), nil)
	p, ok := errors.AsType[*fluentpro.Problem](err)
	require.True(t, ok)
	require.Equal(t, http.StatusBadGateway, p.Status)
	require.Equal(t, 7*time.Second, p.RetryAfter)
	require.NotContains(t, err.Error(), "html")

	api, _ = scripted(t, func(*http.Request) (*http.Response, error) { return nil, errNetwork })
	_, err = api.GetMeWithResponse(t.Context(), nil)
	require.ErrorIs(t, err, errNetwork)
	for _, url := range []string{"", "api.example.com", "http://%"} {
		_, err = fluentpro.New(fluentpro.Config{URL: url})
		require.ErrorContains(t, err, "Config.URL")
	}
}

func TestARefusedTokenIsRefreshedOnceForAll(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	var kept []client.Tokens
	api, network := account(t, s, func(cfg *fluentpro.Config) { cfg.Changed = func(t client.Tokens) { kept = append(kept, t) } })
	old := api.Tokens()
	s.Clock.Advance(time.Hour) // an access token lives for minutes
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			title := "Prices"
			_, err := api.CreateConversationWithResponse(t.Context(), nil, client.CreateConversationRequest{PartnerID: "suppliers", SituationID: "negotiations", Title: &title})
			require.NoError(t, err)
		})
	}
	all.Wait()
	require.Equal(t, 1, network.times(http.MethodPost, "/sessions/refresh"))
	require.Len(t, kept, 1)
	require.Equal(t, kept[0], api.Tokens())
	require.NotEqual(t, old, api.Tokens())

	network.fails = []func(*http.Request, http.RoundTripper) (*http.Response, error){nil, lost}
	s.Clock.Advance(time.Hour)
	_, err := api.GetMeWithResponse(t.Context(), nil)
	require.NoError(t, err, "the answer to the refresh was lost, and asked for again")
	require.Equal(t, 3, network.times(http.MethodPost, "/sessions/refresh"))

	_, err = api.RevokeSessionWithResponse(t.Context(), "current")
	require.NoError(t, err)
	_, err = api.GetMeWithResponse(t.Context(), nil)
	require.True(t, fluentpro.Is(err, client.AuthInvalidToken))
	require.ErrorContains(t, err, "the access token cannot be refreshed")
}

func TestTokensMayComeFromElsewhere(t *testing.T) {
	t.Parallel()
	s := &script{answers: []func(*http.Request) (*http.Response, error){
		problem(401, "auth.invalid_token"), answer(200, "application/json", `{"full_name":"Mei Chen"}`),
	}}
	var api *fluentpro.Client
	api, err := fluentpro.New(fluentpro.Config{
		URL: "http://service.test", HTTP: &http.Client{Transport: s}, Tokens: client.Tokens{AccessToken: "first"},
		Refresh: func(_ context.Context, old client.Tokens) (client.Tokens, error) {
			require.Equal(t, "first", old.AccessToken)
			return client.Tokens{AccessToken: "second"}, nil
		},
	})
	require.NoError(t, err)
	me, err := api.GetMeWithResponse(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "Mei Chen", me.JSON200.FullName)
	require.Equal(t, "Bearer second", s.asked[1].Header.Get("Authorization"))

	// What has its own token keeps it, and nobody signed in is nobody.
	own := func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer own")
		return nil
	}
	s.answers = []func(*http.Request) (*http.Response, error){problem(401, "auth.invalid_token")}
	_, err = api.GetMeWithResponse(t.Context(), nil, own)
	require.True(t, fluentpro.Is(err, client.AuthInvalidToken))
	require.Equal(t, "Bearer own", s.asked[2].Header.Get("Authorization"))
	api.Use(client.Tokens{})
	_, err = api.GetMeWithResponse(t.Context(), nil)
	require.True(t, fluentpro.Is(err, client.AuthInvalidToken))
	require.Len(t, s.asked, 4)
	require.Empty(t, s.asked[3].Header.Get("Authorization"))
}

func TestARefreshThatIsRefusedIsNotRefreshed(t *testing.T) {
	t.Parallel()
	api, s := scripted(t, problem(401, "auth.invalid_token"))
	_, err := api.GetMeWithResponse(t.Context(), nil)
	require.ErrorContains(t, err, "the access token cannot be refreshed")
	require.Len(t, s.asked, 2)
	require.True(t, strings.HasSuffix(s.asked[1].URL.Path, "/sessions/refresh"))
	require.Empty(t, s.asked[1].Header.Get("Authorization"))
	api.Use(client.Tokens{AccessToken: "first"})
	_, err = api.GetMeWithResponse(t.Context(), nil)
	require.ErrorContains(t, err, "nobody is signed in")
}
