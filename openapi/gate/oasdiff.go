package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// builtOasdiff gives the path of the pinned oasdiff; the first call on a machine
// builds it.
var builtOasdiff = sync.OnceValues(func() (string, error) {
	root, err := output(exec.Command("go", "env", "GOMOD"))
	if err != nil {
		return "", err
	}
	module := filepath.Join(filepath.Dir(strings.TrimSpace(string(root))), "tools", "oasdiff", "go.mod")
	path, err := output(exec.Command("go", "tool", "-modfile="+module, "-n", "oasdiff"))
	return strings.TrimSpace(string(path)), err
})

// A difference is what oasdiff says of one place.
type difference struct {
	ID          string `json:"id"`
	Text        string `json:"text"`
	Level       int    `json:"level"` // 1 for information, 2 for a warning, 3 for an error
	Method      string `json:"operation"`
	OperationID string `json:"operationId"`
	Path        string `json:"path"`
	Section     string `json:"section"`
	Shared      struct {
		Name string `json:"name"`
	} `json:"sharedSchema"` // whose fields the text is about, when it is at several places
}

// shapes compares two trees that prepare made ready.
func (g gate) shapes(base, next tree) ([]change, error) {
	tool, err := g.oasdiff()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "gate")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for file, t := range map[string]tree{"base.json": base, "next.json": next} {
		text, err := json.Marshal(t)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(tool, "changelog", "base.json", "next.json", "--format", "json", "--lang", "en", "--allow-external-refs=false")
	cmd.Dir, cmd.Env = dir, []string{} // no settings but these
	text, err := output(cmd)
	if err != nil {
		return nil, err
	}
	var found []difference
	if err := json.Unmarshal(text, &found); err != nil {
		return nil, fmt.Errorf("oasdiff: %w", err)
	}
	return judge(found), nil
}

// output runs a program; the error holds what the program said.
func output(cmd *exec.Cmd) ([]byte, error) {
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return out, fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, exit.Stderr)
	}
	return out, err
}

// judge makes changes of what oasdiff found.
func judge(found []difference) []change {
	var all []change
	for _, d := range found {
		if d.Section == "info" || d.ID == "api-schema-removed" {
			continue // the version is a matter of the release; a schema is only a name for what operations have
		}
		c := change{rule: d.ID, level: severity(d), section: sectionOf(d.ID), text: plain(d.Text, d.Shared.Name), advice: advice(d.ID)}
		if text, short := shorter[d.ID]; short {
			c.text, c.whole = text, true
		}
		switch { // an event looks like a field: see openStreams
		case wholeEvent.MatchString(c.text) && c.section == removed:
			c.rule, c.advice = "stream-event-removed", "Keep it: an event is there for as long as the document."
		case wholeEvent.MatchString(c.text) && c.section == added:
			c.rule = "stream-event-added"
		}
		if d.Path != "" {
			c.places = []string{placeOf(d.OperationID, d.Method, d.Path)}
		}
		all = append(all, c)
	}
	return all
}

// shorter says of whole operations what oasdiff says at length.
var shorter = map[string]string{
	"endpoint-added":                       "is new",
	"api-removed-without-deprecation":      "has gone",
	"api-path-removed-without-deprecation": "has gone",
}

// placeOf names an operation.
func placeOf(operationID, method, path string) string {
	return fmt.Sprintf("`%s` (%s %s)", operationID, strings.ToUpper(method), path)
}

// sectionOf gives the section of the changelog from the name of a rule.
func sectionOf(rule string) section {
	switch {
	case strings.HasPrefix(rule, "new-"), strings.Contains(rule, "-added"):
		return added
	case strings.Contains(rule, "-removed"), strings.Contains(rule, "-deleted"):
		return removed
	}
	return changed
}
