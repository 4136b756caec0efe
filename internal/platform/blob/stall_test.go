package blob_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"
)

// A store that is asked for what it never gives, or that takes nothing, holds nobody up.
func TestAStoreThatIsStuckIsGivenUp(t *testing.T) { //nolint:paralleltest // the keys of S3 are in the environment
	t.Setenv("AWS_ACCESS_KEY_ID", "any")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "any")
	stuck := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == "/backups/half" {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("the beginning"))
			_ = http.NewResponseController(w).Flush()
		}
		<-stuck
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(stuck) })
	s := open(t, address(server.URL))
	s.Hasten(50 * time.Millisecond)

	require.ErrorContains(t, s.Put(t.Context(), "a", "text/plain", []byte("a")), "takes or gives nothing any more")
	_, err := s.Read(t.Context(), "a")
	require.ErrorContains(t, err, "takes or gives nothing any more")
	_, err = s.List(t.Context(), "")
	require.ErrorContains(t, err, "deadline exceeded")
	require.ErrorContains(t, s.Delete(t.Context(), "a"), "deadline exceeded")

	half, err := s.Read(t.Context(), "half")
	require.NoError(t, err)
	got, err := io.ReadAll(half)
	require.Error(t, err, "what came is not taken for the whole")
	require.Equal(t, "the beginning", string(got))
	require.NoError(t, half.Close())
}

// A store that refuses for want of room says so, and keeps what was there.
func TestAStoreThatIsFullIsSaid(t *testing.T) { //nolint:paralleltest // the keys of S3 are in the environment
	t.Setenv("AWS_ACCESS_KEY_ID", "any")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "any")
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket("backups"))
	there, full := gofakes3.New(backend).Server(), false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if full && r.Method == http.MethodPut {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte("<Error><Code>QuotaExceeded</Code><Message>Bucket quota exceeded</Message></Error>"))
			return
		}
		there.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s := open(t, address(server.URL))
	require.NoError(t, s.Put(t.Context(), "a", "text/plain", []byte("was there")))
	full = true
	require.ErrorContains(t, s.Put(t.Context(), "a", "text/plain", []byte("is new")), "QuotaExceeded")
	got, err := s.Get(t.Context(), "a", 100)
	require.NoError(t, err)
	require.Equal(t, "was there", string(got))
}

func address(server string) string {
	return "s3://backups?region=us-east-1&use_path_style=true&disable_https=true&endpoint=" + server
}
