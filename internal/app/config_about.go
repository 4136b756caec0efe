package app

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"github.com/fluentpro/fluentpro/internal/platform/secret"
)

// kinds say what values of each type look like.
var kinds = map[reflect.Type]string{
	reflect.TypeFor[bool]():           "true or false",
	reflect.TypeFor[int]():            "a whole number",
	reflect.TypeFor[int64]():          "a whole number",
	reflect.TypeFor[float64]():        "a number",
	reflect.TypeFor[time.Duration]():  "a duration such as 90s or 1h30m",
	reflect.TypeFor[slog.Level]():     "debug, info, warn or error",
	reflect.TypeFor[[]string]():       "a list, separated by commas",
	reflect.TypeFor[map[string]int](): "pairs such as name:10, separated by commas",
	reflect.TypeFor[secret.Text]():    "a secret",
	reflect.TypeFor[secret.URL]():     "an address, which may hold a secret",
}

// described are the settings by variable.
func described() map[string]setting {
	all := map[string]setting{}
	for _, g := range groups() {
		for _, s := range g.settings {
			all[prefix+s.name] = s
		}
	}
	return all
}

// exampleOf is a right value of a variable; "" of one that is no setting.
func exampleOf(name string) string {
	all := described()
	if s, known := all[name]; known {
		return s.example
	}
	if s, known := all[strings.TrimSuffix(name, fileSuffix)]; known {
		return "/run/secrets/" + strings.ToLower(s.name)
	}
	if name == fileVariable {
		return "/etc/fluentpro/settings"
	}
	return ""
}

// SettingInUse is a setting as a process has it.
type SettingInUse struct {
	Name  string `json:"name"`
	Value string `json:"value"` // masked where it is a secret
	From  string `json:"from"`  // FromDefault and so on
}

// Settings are all settings as they are in use, secrets masked, in the order of Config.
func (c Config) Settings() []SettingInUse {
	v := reflect.ValueOf(c)
	all := make([]SettingInUse, 0, v.NumField())
	for _, f := range fields() {
		s := SettingInUse{Name: f.name, Value: shown(v.Field(f.index).Interface()), From: c.from[f.name]}
		if s.From == "" {
			s.From = FromDefault
		}
		all = append(all, s)
	}
	return all
}

// shown writes a value as it would be set.
func shown(value any) string {
	switch v := value.(type) {
	case []string:
		return strings.Join(v, ",")
	case map[string]int:
		pairs := strings.Trim(fmt.Sprint(v), "map[]") // sorted by name
		return strings.ReplaceAll(pairs, " ", ",")
	case slog.Level:
		return strings.ToLower(v.String())
	default:
		return fmt.Sprint(v)
	}
}

// Documentation is docs/environment.md.
func Documentation() string {
	var out strings.Builder
	out.WriteString(aboutSettings)
	about := map[string]field{}
	for _, f := range fields() {
		about[f.name] = f
	}
	for _, g := range groups() {
		fmt.Fprintf(&out, "\n## %s\n\n| variable | default | what it is |\n|---|---|---|\n", g.title)
		for _, s := range g.settings {
			fmt.Fprintf(&out, "| `%s%s` | %s | %s |\n", prefix, s.name, s.fallback(about[prefix+s.name]), s.describe(about[prefix+s.name]))
		}
	}
	out.WriteString(aboutTests)
	return out.String()
}

func (s setting) fallback(f field) string {
	switch {
	case s.instead != "":
		return s.instead
	case f.fallback == "" && f.typ == reflect.TypeFor[time.Duration]():
		return "`0s`"
	case f.fallback == "":
		return "none"
	default:
		return "`" + f.fallback + "`"
	}
}

func (s setting) describe(f field) string {
	text := s.about
	if k := kinds[f.typ]; k != "" && f.typ.Kind() != reflect.Bool && f.typ != reflect.TypeFor[slog.Level]() {
		text += "; " + k
	}
	return text + ". `" + s.example + "`"
}

const aboutSettings = `# Settings

<!-- Made from internal/app/config.go and config_settings.go by: go test ./internal/app -run Documentation -update -->

Every setting is read once, at the start, from the environment. What it does not say may be in a file that
` + "`FLUENTPRO_CONFIG_FILE`" + ` names, with a line ` + "`NAME=value`" + ` for each setting and ` + "`#`" + ` before what is none, as for ` + "`docker run --env-file`" + `: a value is
what is written, without quotes, and nothing in it is replaced. The environment wins over the file. A secret may lie in a file of its own: its name with ` + "`_FILE`" + ` behind it names the file, as in
` + "`FLUENTPRO_KEY_ENCRYPTION_KEY_FILE=/run/secrets/key`" + `; line ends at its end are left out, and to set both is refused.
A variable with our prefix that nobody reads is refused too, with the nearest name that is known.

` + "`fluentpro config check`" + ` names everything that is wrong, each with an example, and ` + "`fluentpro config print`" + ` shows what is
in use and where it comes from, secrets masked. ` + "`fluentpro serve`" + ` and ` + "`fluentpro worker`" + ` check the same before they start.
` + "`fluentpro dev`" + ` needs no setting: it starts what has no URL.

The profile is ` + "`FLUENTPRO_ENV`" + `:

| | ` + "`development`, `test`" + ` | ` + "`staging`" + ` | ` + "`production`" + ` |
|---|---|---|---|
| PostgreSQL, Redis, model and mail of its own (` + "`dev`" + `) | development only | refused | refused |
| issuer of tokens, sender of mails | have defaults | must be set | must be set |
| issuer and origins of pages by plain http | allowed | refused | refused |
| a master key that can be guessed | allowed | refused | refused |
| backups in the data folder | allowed | refused | refused |
| log level debug at the start | allowed | allowed | refused |
| ` + "`fluentpro state drill`" + ` | allowed | allowed | refused |

A wildcard for origins is refused everywhere. The value behind each description is an example.
`

const aboutTests = `
## Of the tests

Tests read three more, see ` + "`internal/devstack/testdatabase.go`: `FLUENTPRO_TEST_DATABASE_URL`" + `,
` + "`FLUENTPRO_TEST_REDIS_URL`, in the same two forms, and `FLUENTPRO_TEST_REDIS`: `in-process`" + `, or
` + "`cluster`" + ` for a Redis Cluster of three nodes.
`
