package blob_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/platform/blob"
)

// stores gives the address of each kind of store.
var stores = map[string]func(t *testing.T) string{
	"a directory": func(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "new") },
	"the URL of a directory": func(t *testing.T) string {
		t.Helper()
		return "file://" + t.TempDir()
	},
	"S3": func(t *testing.T) string {
		t.Helper()
		backend := s3mem.New()
		require.NoError(t, backend.CreateBucket("backups"))
		server := httptest.NewServer(gofakes3.New(backend).Server())
		t.Cleanup(server.Close)
		return address(server.URL)
	},
}

func open(t *testing.T, url string) *blob.Store {
	t.Helper()
	s, err := blob.Open(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestEveryKindOfStoreKeepsItsPromises(t *testing.T) { //nolint:paralleltest // the keys of S3 are in the environment
	t.Setenv("AWS_ACCESS_KEY_ID", "any")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "any")
	for name, at := range stores {
		t.Run(name, func(t *testing.T) {
			s := open(t, at(t))
			keepsItsPromises(t, s)
		})
	}
}

func keepsItsPromises(t *testing.T, s *blob.Store) {
	t.Helper()
	ctx := t.Context()
	_, err := s.Get(ctx, "a/none", 10)
	require.ErrorIs(t, err, blob.ErrNotFound)
	require.NoError(t, s.Delete(ctx, "a/none"))

	large := make([]byte, 20<<20)
	_, _ = rand.Read(large)
	require.NoError(t, s.Write(ctx, "a/large", "application/octet-stream", func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(large))
		return err
	}))
	require.NoError(t, s.Put(ctx, "a/small", "application/json", []byte("{}")))
	require.NoError(t, s.Put(ctx, "b/other", "application/json", []byte("{}")))
	got, err := s.Get(ctx, "a/large", 20<<20)
	require.NoError(t, err)
	require.True(t, bytes.Equal(large, got))
	_, err = s.Get(ctx, "a/large", 100)
	require.ErrorContains(t, err, "longer than 100 bytes")

	broken := errors.New("broken")
	require.ErrorIs(t, s.Write(ctx, "a/half", "application/octet-stream", func(w io.Writer) error {
		_, err := w.Write(large)
		return errors.Join(err, broken)
	}), broken)
	require.ErrorIs(t, s.Write(ctx, "a/small", "application/json", func(io.Writer) error { return broken }), broken)
	small, err := s.Get(ctx, "a/small", 10)
	require.NoError(t, err)
	require.Equal(t, "{}", string(small), "what was there stays")

	require.Equal(t, "[a/large 20971520 a/small 2]", listed(t, s, "a/"))
	require.NoError(t, s.Delete(ctx, "a/large"))
	require.Equal(t, "[a/small 2]", listed(t, s, "a/"))

	over, cancel := context.WithCancel(ctx)
	cancel()
	require.Error(t, s.Put(over, "a/late", "application/json", []byte("{}")))
	require.Equal(t, "[a/small 2]", listed(t, s, "a/"))
}

func listed(t *testing.T, s *blob.Store, prefix string) string {
	t.Helper()
	list, err := s.List(t.Context(), prefix)
	require.NoError(t, err)
	var out []any
	for _, o := range list {
		require.False(t, o.Modified.IsZero())
		out = append(out, o.Key, o.Size)
	}
	return fmt.Sprint(out)
}

func TestADirectoryIsForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a", "b")
	open(t, path)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}

func TestAnAddressThatIsNoneIsNotRepeated(t *testing.T) {
	t.Parallel()
	_, err := blob.Open(t.Context(), "s3://key:secret@\x7f")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret")
	_, err = blob.Open(t.Context(), "gopher://backups")
	require.ErrorContains(t, err, "gopher")
}
