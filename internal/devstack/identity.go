package devstack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// locationFile is left in a folder that the server's user cannot reach, and
// holds the path of the one used in its place.
const locationFile = "location"

// identity is the ordinary user that PostgreSQL runs as when we are root, whom
// it refuses. A nil identity means that we are an ordinary user already.
type identity struct {
	name     string
	uid, gid uint32
}

// serverIdentity chooses the user. Debian's and Homebrew's packages make the
// first two; nobody is everywhere.
func serverIdentity() (*identity, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseInt(u.Uid, 10, 64) // macOS writes nobody as -2
		gid, gidErr := strconv.ParseInt(u.Gid, 10, 64)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return &identity{name: name, uid: uint32(uid), gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and this machine has neither a user postgres nor a user nobody: " +
		"run as an ordinary user, or set FLUENTPRO_DATABASE_URL")
}

// ownerOf gives the user whom an existing cluster belongs to, since PostgreSQL
// opens it for no other.
func (id *identity) ownerOf(dir string) (*identity, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok || int(stat.Uid) == os.Geteuid() && id == nil:
		return id, nil
	case id == nil:
		return nil, fmt.Errorf("the PostgreSQL cluster in %s belongs to user %d, and you are %d: "+
			"run as that user (or root), or move the folder away", dir, stat.Uid, os.Geteuid())
	case stat.Uid == 0:
		return nil, fmt.Errorf("the PostgreSQL cluster in %s belongs to root, whom PostgreSQL refuses: chown -R %s %s", dir, id.name, dir)
	default:
		return &identity{name: fmt.Sprintf("user %d", stat.Uid), uid: stat.Uid, gid: stat.Gid}, nil
	}
}

func (id *identity) credential() *syscall.Credential {
	if id == nil {
		return nil
	}
	return &syscall.Credential{Uid: id.uid, Gid: id.gid}
}

// own gives a file or folder to the user.
func (id *identity) own(path string) error {
	if id == nil {
		return nil
	}
	return os.Lchown(path, int(id.uid), int(id.gid))
}

// take gives a folder to the user, and tells whether that is of any use.
func (id *identity) take(ctx context.Context, dir string) (reached bool, err error) {
	if err := id.own(dir); err != nil {
		return false, err
	}
	return id.reaches(ctx, dir)
}

// reaches asks the system itself whether the user may run the program at path
// or enter the folder at path: modes, access lists and mounts all count.
func (id *identity) reaches(ctx context.Context, path string) (bool, error) {
	if id == nil {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	probe := exec.CommandContext(ctx, "/bin/sh", "-c", `test -x "$1"`, "probe", path)
	probe.Dir = "/"
	probe.SysProcAttr = &syscall.SysProcAttr{Credential: id.credential()}
	err := probe.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask whether %s reaches %s: %w", id.name, path, errors.Join(ctx.Err(), err))
	}
	return true, nil
}

// settle gives a folder the user can reach: dir, or when something above dir is
// closed to it (root's home, a private temporary folder), one of our own whose
// name follows from dir's path. dir then keeps a pointer to it. first says that
// there was no pointer yet: what the stand-in may hold is of an earlier dir.
func (id *identity) settle(ctx context.Context, dir string, logger *slog.Logger) (place string, first bool, err error) {
	pointer := filepath.Join(dir, locationFile)
	if known, err := os.ReadFile(pointer); err == nil {
		place := strings.TrimSpace(string(known))
		if _, err := os.Stat(place); err == nil {
			return place, false, nil
		}
	}
	if reached, err := id.reaches(ctx, dir); reached || err != nil {
		return dir, false, err
	}
	sum := sha256.Sum256([]byte(dir))
	name := "fluentpro-" + hex.EncodeToString(sum[:8])
	var failures []error
	// Some systems clear /var/tmp of what is a month old.
	for _, parent := range []string{"/var/lib", "/var/tmp"} {
		place := filepath.Join(parent, name)
		if err := os.Mkdir(place, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			failures = append(failures, err)
			continue
		}
		if err := id.check(ctx, place); err != nil {
			return "", false, err
		}
		logger.Info("a folder is closed to the user PostgreSQL runs as; another is used in its place",
			"folder", dir, "user", id.name, "used", place)
		return place, true, os.WriteFile(pointer, []byte(place+"\n"), 0o644)
	}
	return "", false, fmt.Errorf("find a folder in reach of %s: %w", id.name, errors.Join(failures...))
}

// check makes sure that a stand-in is a folder of ours, since others may make
// folders beside it, and that the user reaches it, whatever our umask is.
func (id *identity) check(ctx context.Context, place string) error {
	info, err := os.Lstat(place)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s, which would stand in for a folder closed to PostgreSQL, is not a folder of ours alone", place)
	}
	if err := os.Chmod(place, 0o755); err != nil {
		return err
	}
	reached, err := id.reaches(ctx, place)
	if err == nil && !reached {
		return fmt.Errorf("%s, which would stand in for a folder closed to PostgreSQL, is closed to %s", place, id.name)
	}
	return err
}

// temporary makes a folder that the user owns and reaches.
func (id *identity) temporary(ctx context.Context) (string, error) {
	var failures []error
	for _, parent := range temporaryParents() {
		dir, err := os.MkdirTemp(parent, "fluentpro-")
		if err != nil {
			failures = append(failures, err)
			continue
		}
		reached, err := id.take(ctx, dir)
		if reached {
			return dir, nil
		}
		failures = append(failures, fmt.Errorf("%s is closed to the user PostgreSQL runs as", parent), err, os.RemoveAll(dir))
	}
	return "", fmt.Errorf("make a temporary folder: %w", errors.Join(failures...))
}
