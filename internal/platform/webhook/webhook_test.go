package webhook_test

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/webhook"
)

// secret is one that is long enough, and what it begins with inside.
var secret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("this is a secret of 32 bytes ok!"))

// receiver takes what is sent to it, and answers with a status.
func receiver(t *testing.T, answer http.HandlerFunc) (url string) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return server.URL
}

func sender(t *testing.T, url string) *webhook.Sender {
	t.Helper()
	s, err := webhook.New(webhook.Config{URL: url, Secret: secret, Timeout: 2 * time.Second})
	require.NoError(t, err)
	return s
}

func TestAReceiverCanProveWhoSentIt(t *testing.T) {
	t.Parallel()
	verifier, err := standardwebhooks.NewWebhook(secret)
	require.NoError(t, err)
	var proven error
	url := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		proven = verifier.Verify(body, r.Header)
		if r.Header.Get("webhook-id") != "m-1" || string(body) != `{"a":1}` || r.Header.Get("Content-Type") != "application/json" {
			proven = errors.New("another message")
		}
	})
	require.NoError(t, sender(t, url).Send(t.Context(), "m-1", time.Now(), []byte(`{"a":1}`)))
	require.NoError(t, proven)
}

func TestTheSignatureIsThatOfTheSpecification(t *testing.T) {
	t.Parallel()
	var got http.Header
	url := receiver(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header })
	s, err := webhook.New(webhook.Config{URL: url, Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
	require.NoError(t, err)
	require.NoError(t, s.Send(t.Context(), "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`)))
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", got.Get("webhook-signature"))
	require.Equal(t, "1614265330", got.Get("webhook-timestamp"))
}

func TestOnlyATwoHundredIsTaken(t *testing.T) {
	t.Parallel()
	followed := false
	elsewhere := receiver(t, func(http.ResponseWriter, *http.Request) { followed = true })
	for status, ok := range map[int]bool{200: true, 204: true, 302: false, 307: false, 400: false, 410: false, 500: false} {
		url := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", elsewhere)
			w.WriteHeader(status)
		})
		err := sender(t, url).Send(t.Context(), "m", time.Now(), []byte("{}"))
		require.Equal(t, ok, err == nil, "%d: %v", status, err)
	}
	require.False(t, followed, "a redirect is not followed")
}

func TestASilentReceiverIsGivenUpInTime(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	url := receiver(t, func(http.ResponseWriter, *http.Request) { <-done })
	t.Cleanup(func() { close(done) })
	s, err := webhook.New(webhook.Config{URL: url, Secret: secret, Timeout: 50 * time.Millisecond})
	require.NoError(t, err)
	require.Error(t, s.Send(t.Context(), "m", time.Now(), []byte("{}")))
}

func TestAnErrorHoldsNoSecret(t *testing.T) {
	t.Parallel()
	err := sender(t, "http://127.0.0.1:1/hunter2?key=hunter2").Send(t.Context(), "m", time.Now(), []byte("{}"))
	require.ErrorContains(t, err, "webhook to 127.0.0.1:1: ")
	require.NotContains(t, err.Error(), "hunter2")
	require.NotContains(t, err.Error(), secret[6:20])
}

func TestAddressesThatNoReceiverHasAreRefused(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"169.254.169.254:80", "[fe80::1%1]:80", "0.0.0.0:80", "[::]:80", "224.0.0.1:80", "[::ffff:169.254.169.254]:80", "nonsense"} {
		require.Error(t, webhook.Refuse(address), address)
	}
	for _, address := range []string{"127.0.0.1:80", "10.0.0.1:443", "203.0.113.7:443", "[2001:db8::1]:443"} {
		require.NoError(t, webhook.Refuse(address), address)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for url, ok := range map[string]bool{
		"https://example.com/hook": true, "http://localhost:9/x": true, "http://127.0.0.1:9": true, "https://10.0.0.7": true,
		"http://example.com": false, "ftp://example.com": false, "https://": false, "": false, "https://me:hunter2@example.com": false,
		"https://169.254.169.254/latest": false, "https://[::]/": false, "https://example.com/#x": false, "http://[": false,
	} {
		ofURL, ofSecret := webhook.Config{URL: url, Secret: secret}.Check()
		require.NoError(t, ofSecret)
		require.Equal(t, ok, ofURL == nil, "%s: %v", url, ofURL)
	}
	ofURL, _ := webhook.Config{URL: "http://example.com", Secret: secret, Plain: true}.Check()
	require.NoError(t, ofURL)
	for _, wrong := range []string{"", "whsec_", "whsec_hunter2", "whsec_aHVudGVyMg==", secret[6:], "whsec_" + strings.Repeat("A", 100)} {
		_, ofSecret := webhook.Config{URL: "https://example.com", Secret: wrong}.Check()
		require.Error(t, ofSecret, wrong)
		_, err := webhook.New(webhook.Config{URL: "https://example.com", Secret: wrong})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2")
	}
}
