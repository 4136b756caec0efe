package app

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"

	"github.com/fluentpro/fluentpro/internal/platform/secret"
)

const (
	prefix = "FLUENTPRO_"
	// fileVariable names a file with settings; it cannot be in one.
	fileVariable = "FLUENTPRO_CONFIG_FILE"
	// fileSuffix makes the name of a secret that of the file which it is read from.
	fileSuffix = "_FILE"
)

// maxSettingsFile bounds in bytes what is read of a file with settings or with a secret.
const maxSettingsFile = 64 << 10

// Where values come from.
const (
	FromDefault     = "default"
	FromProfile     = "profile"
	FromFile        = "file"
	FromEnviron     = "environment"
	FromSecretsFile = "file of the secret"
)

// foreign are variables with our prefix that are no settings: those of the tests and of the
// clients, and those that Kubernetes gives every container for a Service that is called
// fluentpro.
func foreign(name, value string) bool {
	return name == "FLUENTPRO_URL" || strings.HasPrefix(name, "FLUENTPRO_TEST_") || ofService.MatchString(name) ||
		ofPort.MatchString(name) && (strings.HasPrefix(value, "tcp://") || strings.HasPrefix(value, "udp://")) ||
		ofPortPart.MatchString(name)
}

var (
	ofService  = regexp.MustCompile(`^FLUENTPRO_([A-Z0-9]+_)*SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$`)
	ofPort     = regexp.MustCompile(`^FLUENTPRO_([A-Z0-9]+_)*PORT(_[0-9]+_(TCP|UDP))?$`)
	ofPortPart = regexp.MustCompile(`^FLUENTPRO_([A-Z0-9]+_)*PORT_[0-9]+_(TCP|UDP)_(PROTO|PORT|ADDR)$`)
	variable   = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`) // what may be shown: no line of a key looks so
)

// values is what is set, before it is parsed.
type values struct {
	text     map[string]string // by variable
	from     map[string]string // by variable
	problems Problems
}

// FromEnvironment reads the configuration: the environment, which os.Environ gives, and what it
// does not say from the file that FLUENTPRO_CONFIG_FILE names. The error is Problems with
// everything that cannot be read; whether what was read can be right is Check's to say.
func FromEnvironment(environ []string) (Config, error) {
	v := values{text: map[string]string{}, from: map[string]string{}}
	v.take(env.ToMap(environ), FromEnviron)
	if path := v.text[fileVariable]; path != "" {
		v.takeFile(path)
	}
	delete(v.text, fileVariable)
	v.takeSecrets()
	v.nameUnknown()
	cfg, err := env.ParseAsWithOptions[Config](env.Options{Environment: v.text})
	v.problems = append(v.problems, unparsed(err)...)
	cfg.from = v.from
	cfg.useProfile()
	cfg.unread = v.problems.sorted()
	if len(cfg.unread) > 0 {
		return cfg, fmt.Errorf("configuration: %w", cfg.unread)
	}
	return cfg, nil
}

// take adds what is not set yet of those that have our prefix.
func (v *values) take(all map[string]string, from string) {
	for name, text := range all {
		if _, set := v.text[name]; !set && strings.HasPrefix(name, prefix) {
			v.text[name], v.from[name] = text, from
		}
	}
}

// takeFile adds what a file sets: NAME=value a line, as docker run --env-file has it. Nothing
// is expanded or unquoted, so that a password is what is written.
func (v *values) takeFile(path string) {
	text, err := readBounded(path)
	if err != nil {
		v.wrong(fileVariable, "must name a file that can be read: "+err.Error())
		return
	}
	all := map[string]string{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, "\r")
		name, value, pair := strings.Cut(line, "=")
		switch {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
		case !pair || !variable.MatchString(name):
			v.wrong(fileVariable, fmt.Sprintf("must name a file of lines NAME=value; its line %d is none", i+1))
		case !strings.HasPrefix(name, prefix) || name == fileVariable:
			v.wrong(name, fmt.Sprintf("is in line %d of the file of settings, where it may not be", i+1))
		default:
			all[name] = value
		}
	}
	v.take(all, FromFile)
}

// takeSecrets reads the secrets that lie in files of their own.
func (v *values) takeSecrets() {
	for _, f := range fields() {
		at := f.name + fileSuffix
		path := v.text[at]
		if !f.secret || path == "" {
			continue
		}
		delete(v.text, at)
		if v.text[f.name] != "" {
			v.wrong(at, "and "+f.name+" are both set; one of them must go")
			continue
		}
		text, err := readBounded(path)
		if err != nil {
			v.wrong(at, "must name a file that can be read: "+err.Error())
			continue
		}
		v.text[f.name], v.from[f.name] = strings.TrimRight(text, "\r\n"), FromSecretsFile
	}
}

// readBounded reads a small file. Its errors do not say the path, which may be a secret that
// was put where the name of its file belongs.
func readBounded(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", withoutPath(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxSettingsFile+1))
	if err != nil {
		return "", withoutPath(err)
	}
	if len(text) > maxSettingsFile {
		return "", fmt.Errorf("it is larger than %d bytes", maxSettingsFile)
	}
	return string(text), nil
}

func withoutPath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// nameUnknown refuses what nobody reads: most often a name with a slip in it.
func (v *values) nameUnknown() {
	known := map[string]bool{}
	for _, f := range fields() {
		known[f.name] = true
		known[f.name+fileSuffix] = known[f.name+fileSuffix] || f.secret
	}
	for name, value := range v.text {
		if !known[name] && !foreign(name, value) {
			v.wrong(name, "is no setting"+nearest(name))
		}
	}
}

func (v *values) wrong(name, why string) {
	v.problems = append(v.problems, Problem{Name: name, Wrong: why})
}

// field is a member of Config as a variable.
type field struct {
	name     string
	index    int
	fallback string
	secret   bool
	typ      reflect.Type
}

// fields are the settings in the order of Config.
func fields() (all []field) {
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		f := t.Field(i)
		if name := f.Tag.Get("env"); name != "" {
			hidden := f.Type == reflect.TypeFor[secret.Text]() || f.Type == reflect.TypeFor[secret.URL]()
			all = append(all, field{name: name, index: i, fallback: f.Tag.Get("envDefault"), secret: hidden, typ: f.Type})
		}
	}
	return all
}

// nearest tells of the setting whose name is like another's, if there is one.
func nearest(name string) string {
	names := []string{fileVariable}
	for _, f := range fields() {
		names = append(names, f.name)
	}
	best := slices.MinFunc(names, func(a, b string) int { return cmp.Compare(distance(name, a), distance(name, b)) })
	if distance(name, best) > maxSlip {
		return ""
	}
	return "; the nearest is " + best
}

// maxSlip is how many letters may be wrong in a name that was meant to be another.
const maxSlip = 4

// distance is how many letters must be put in, taken out or changed (Levenshtein 1966).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for i := range row {
		row[i] = i
	}
	for i := range len(a) {
		before := i
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// unparsed makes problems of the errors of values that cannot be read. What the library says
// of a value is not repeated: it may be a secret.
func unparsed(err error) (all Problems) {
	several, ok := errors.AsType[env.AggregateError](err)
	if err != nil && !ok {
		return Problems{{Wrong: "the settings cannot be read"}}
	}
	t := reflect.TypeFor[Config]()
	for _, one := range several.Errors {
		parse, _ := errors.AsType[env.ParseError](one)
		if f, found := t.FieldByName(parse.Name); found {
			all = append(all, Problem{Name: f.Tag.Get("env"), Wrong: "must be " + cmp.Or(kinds[f.Type], "text")})
		} else {
			all = append(all, Problem{Wrong: "the settings cannot be read"})
		}
	}
	return all
}

// Problem is one setting that is not right.
type Problem struct {
	Name  string // of the variable; empty: of none
	Wrong string // what is wrong, as it goes on after the name
}

// Problems are all that is not right, by name, one for each.
type Problems []Problem

// Error says one a line, each with an example of what would be right.
func (p Problems) Error() string {
	lines := make([]string, 0, len(p))
	for _, one := range p {
		line := strings.TrimSpace(one.Name + " " + one.Wrong)
		if example := exampleOf(one.Name); example != "" {
			line += ", for example " + one.Name + "=" + example
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// sorted leaves the first problem of each name.
func (p Problems) sorted() Problems {
	first := map[string]Problem{}
	for _, one := range slices.Backward(p) {
		first[one.Name] = one
	}
	out := make(Problems, 0, len(first))
	for _, name := range slices.Sorted(maps.Keys(first)) {
		out = append(out, first[name])
	}
	return out
}
