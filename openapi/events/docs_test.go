package events_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// table is what docs/events.md ends with: every type, in the order of the alphabet.
func table(all []payload) string {
	var text strings.Builder
	text.WriteString("| type | version | aggregate | when | data |\n|---|---|---|---|---|\n")
	for _, p := range all {
		var data []string
		for _, name := range fields(p.Schema) {
			mark := ""
			if !slices.Contains(p.Required, name) {
				mark = "?"
			}
			data = append(data, "`"+name+"`"+mark)
		}
		fmt.Fprintf(&text, "| `%s` | %d | %s | %s | %s |\n", p.Event.Type, p.Event.Version, p.Event.Aggregate,
			strings.ReplaceAll(p.Description, "|", `\|`), strings.Join(data, ", "))
	}
	return text.String()
}

func TestThePageListsEveryType(t *testing.T) {
	t.Parallel()
	page := filepath.Join("..", "..", "docs", "events.md")
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	head, listed, found := strings.Cut(string(text), "## The types\n\n")
	require.True(t, found)
	wanted := table(payloads(t))
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(head+"## The types\n\n"+wanted), 0o644))
		return
	}
	rows := strings.Split(listed, "\n")
	for i, row := range strings.Split(wanted, "\n") {
		require.Less(t, i, len(rows), "rows are missing; write them anew: go test ./openapi/events -update")
		require.Equal(t, row, rows[i], "write it anew: go test ./openapi/events -update")
	}
	require.Equal(t, len(wanted), len(listed), "rows too many")
}

func TestThePageExplainsEveryFieldOfTheEnvelope(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "events.md"))
	require.NoError(t, err)
	envelope := schemas(t)["Envelope"].Value
	for _, name := range fields(envelope) {
		row := fmt.Sprintf("\n| `%s` | %s |\n", name, envelope.Properties[name].Value.Description)
		require.Contains(t, string(text), row)
	}
}
