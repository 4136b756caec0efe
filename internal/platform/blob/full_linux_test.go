package blob_test

import (
	"bytes"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A directory on a disk without room keeps what was there and nothing of what did not fit.
func TestADiskThatIsFullIsSaid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no small disk can be made: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	s := open(t, dir)
	require.NoError(t, s.Put(t.Context(), "a", "text/plain", []byte("was there")))
	err := s.Put(t.Context(), "a", "text/plain", bytes.Repeat([]byte("x"), 2<<20))
	require.ErrorIs(t, err, syscall.ENOSPC)
	got, err := s.Get(t.Context(), "a", 100)
	require.NoError(t, err)
	require.Equal(t, "was there", string(got))
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, names, 1, "nothing half written stays")
	require.NoError(t, s.Put(t.Context(), "b", "text/plain", []byte("fits again")))
}
