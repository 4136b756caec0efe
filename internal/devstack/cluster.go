package devstack

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The role that FluentPro connects as: it may make databases, and nothing else
// that an ordinary role may not. The superuser has no password and cannot
// connect.
const (
	role         = "fluentpro"
	superuser    = "postgres"
	passwordFile = "fluentpro.password" // in the cluster's folder, so that the two never part
)

// cluster is one folder of PostgreSQL's data and what is needed to run it.
type cluster struct {
	dir    string // the folder itself: <home>/postgres-<major>
	home   string // where clusters are kept: the data folder or its stand-in
	remove string // the folder to remove when the cluster is stopped; "" none
	bin    installation
	as     *identity
	lock   *folderLock
	fast   bool
	logger *slog.Logger
}

// found is a cluster that exists.
type found struct {
	dir   string
	major int
}

// newestCluster gives the newest of the clusters kept in home, or none (major 0).
// Leftovers of an interrupted initdb have another name and do not count.
func newestCluster(home string) (found, error) {
	files, err := filepath.Glob(filepath.Join(home, "postgres-*", "PG_VERSION"))
	if err != nil {
		return found{}, err
	}
	var all []found
	for _, file := range files {
		dir := filepath.Dir(file)
		text, err := os.ReadFile(file)
		if err != nil {
			return found{}, err
		}
		major, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			return found{}, fmt.Errorf("%s does not hold a version: %w", file, err)
		}
		if filepath.Base(dir) == clusterName(major) {
			all = append(all, found{dir: dir, major: major})
		}
	}
	if len(all) == 0 {
		return found{}, nil
	}
	return slices.MaxFunc(all, func(a, b found) int { return cmp.Compare(a.major, b.major) }), nil
}

func clusterName(major int) string { return fmt.Sprintf("postgres-%d", major) }

// create makes the cluster with its role and database under another name, then
// gives it its own: it is there whole or not at all.
func (c *cluster) create(ctx context.Context) error {
	for _, leftover := range []string{"init-*", "secret-*"} {
		if err := removeAll(filepath.Join(c.home, leftover)); err != nil {
			return err
		}
	}
	work, err := os.MkdirTemp(c.home, "init-")
	if err != nil {
		return err
	}
	if err := c.initIn(ctx, work); err != nil {
		return errors.Join(err, os.RemoveAll(work))
	}
	return os.Rename(work, c.dir)
}

// setAside keeps one older copy of the clusters in a stand-in whose data folder
// was removed: to remove the folder is to begin anew.
func (c *cluster) setAside() error {
	old, err := filepath.Glob(filepath.Join(c.home, "postgres-*"))
	if err != nil {
		return err
	}
	for _, dir := range old {
		aside := filepath.Join(c.home, "old-"+filepath.Base(dir))
		if err := errors.Join(os.RemoveAll(aside), os.Rename(dir, aside)); err != nil {
			return err
		}
		c.logger.Warn("the data folder is new; the PostgreSQL cluster of the one before it is set aside", "cluster", aside)
	}
	return nil
}

func removeAll(pattern string) error {
	found, err := filepath.Glob(pattern)
	for _, path := range found {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

func (c *cluster) initIn(ctx context.Context, work string) error {
	password := rand.Text()
	secret, err := c.write(c.home, password)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(secret) }() // it is in the cluster by now, or of no use
	if err := c.as.own(work); err != nil {
		return err
	}
	if err := c.initdb(ctx, work, secret); err != nil {
		return err
	}
	if err := c.bootstrap(ctx, work, password); err != nil {
		return err
	}
	return os.Rename(secret, filepath.Join(work, passwordFile))
}

// write puts text into a new file that only the server's user (and root) reads.
func (c *cluster) write(dir, text string) (string, error) {
	file, err := os.CreateTemp(dir, "secret-")
	if err != nil {
		return "", err
	}
	_, err = file.WriteString(text + "\n")
	if err := errors.Join(err, file.Close(), c.as.own(file.Name())); err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), nil
}

// initdb wants a character type that knows every script, or else trigrams of
// Chinese are empty. C.UTF-8 has it with the fastest order; where a system lacks
// it, en_US.UTF-8 has it, and the order is set to the same.
func (c *cluster) initdb(ctx context.Context, work, secret string) error {
	common := []string{c.bin.program("initdb"), "--pgdata=" + work, "--username=" + superuser,
		"--pwfile=" + secret, "--encoding=UTF8", "--no-instructions"}
	if c.fast { // tests connect thousands of times: SCRAM's 4,096 rounds on both sides would be a tenth of their time
		common = append(common, "--no-sync", "--auth=md5")
	} else {
		common = append(common, "--auth=scram-sha-256")
	}
	var failures []error
	for _, locale := range [][]string{
		{"--locale=C.UTF-8"},
		{"--locale=en_US.UTF-8", "--lc-collate=C", "--lc-messages=C"},
	} {
		err := c.run(ctx, "initdb", append(slices.Clone(common), locale...))
		if err == nil {
			return nil
		}
		failures = append(failures, err)
		if ctx.Err() != nil || !strings.Contains(err.Error(), "invalid locale") {
			break
		}
	}
	return fmt.Errorf("make the PostgreSQL cluster %s: %w", c.dir, errors.Join(failures...))
}

// bootstrap makes the role and its database in single-user mode, in which each
// line is a statement.
func (c *cluster) bootstrap(ctx context.Context, work, password string) error {
	script, err := c.write(c.home, strings.Join([]string{
		"create role " + role + " login createdb password '" + password + "';",
		"create database " + role + " owner " + role + ";",
		"alter role " + superuser + " password null;",
	}, "\n"))
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(script) }() // removed with the folder at the latest
	flags := "-c exit_on_error=on"
	if c.fast {
		flags += " -F"
	}
	err = c.run(ctx, "postgres --single", []string{"/bin/sh", "-c", `exec "$1" --single ` + flags + ` -D "$2" postgres <"$3"`,
		"single", c.bin.program("postgres"), work, script})
	if err != nil {
		return fmt.Errorf("make the database %s: %w", role, err)
	}
	return nil
}

func (c *cluster) run(ctx context.Context, name string, argv []string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return run(ctx, command{
		name: name, argv: argv, stop: "TERM", force: "KILL", remove: c.remove,
		as: c.as, lock: c.lock.server, log: newTail(name, c.logger), logger: c.logger,
	})
}

func (c *cluster) password() (string, error) {
	text, err := os.ReadFile(filepath.Join(c.dir, passwordFile))
	if err != nil {
		return "", fmt.Errorf("the password of the PostgreSQL cluster %s: %w", c.dir, err)
	}
	return strings.TrimSpace(string(text)), nil
}

// clearStalePid removes a postmaster.pid whose process is no PostgreSQL of this
// folder. PostgreSQL itself passes over one whose process is gone, but refuses
// to start when the number now belongs to another program of the same user, as
// happens after a reboot. Our lock says already that no server of ours runs.
func (c *cluster) clearStalePid(ctx context.Context) error {
	file := filepath.Join(c.dir, "postmaster.pid")
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	first, _, _ := bytes.Cut(text, []byte{'\n'})
	pid, err := strconv.Atoi(strings.TrimSpace(string(first)))
	if err != nil || pid <= 0 || !alive(pid) {
		return nil
	}
	if !c.servedBy(ctx, pid) {
		c.logger.Info("removing the pid file of a PostgreSQL that is gone", "file", file, "pid", pid)
		return os.Remove(file)
	}
	return fmt.Errorf("a PostgreSQL that `fluentpro dev` did not start is already running in %s as process %d: stop that one first", c.dir, pid)
}

// servedBy reports whether a process is the PostgreSQL of this folder: that one
// has the folder for its working directory, and names it in its arguments. In
// doubt it is.
func (c *cluster) servedBy(ctx context.Context, pid int) bool {
	if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err == nil {
		real, err := filepath.EvalSymlinks(c.dir)
		return err != nil || cwd == real
	}
	arguments, err := output(ctx, "ps", "-o", "args=", "-p", strconv.Itoa(pid))
	return err != nil || strings.Contains(arguments, c.dir)
}
