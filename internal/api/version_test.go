package api_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever serves two versions must be able to drop one: the program builds without all
// that is version 1, and without one line.
func TestTheProgramBuildsWithoutVersion1(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	replace := map[string]string{} // to "": as if the file were not there
	for _, pattern := range []string{"internal/api/version1.go", "internal/api/v1/*.go", "gen/apiv1/*.go", "gen/openapi/v1.yaml"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, file := range files {
			replace[file] = ""
		}
	}
	text, err := os.ReadFile("version.go")
	require.NoError(t, err)
	line := []byte("\tversion1,\n")
	require.Equal(t, 1, bytes.Count(text, line))
	dir := t.TempDir()
	without := filepath.Join(dir, "version.go")
	require.NoError(t, os.WriteFile(without, bytes.Replace(text, line, nil, 1), 0o600))
	replace[filepath.Join(root, "internal/api/version.go")] = without

	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	inRoot := func(arguments ...string) string {
		command := exec.CommandContext(t.Context(), "go", arguments...)
		command.Dir = root
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	overlaid := "-overlay=" + filepath.Join(dir, "overlay.json")
	inRoot("build", overlaid, "-o", filepath.Join(dir, "fluentpro"), "./cmd/fluentpro")
	imported := inRoot("list", overlaid, "-deps", "./cmd/fluentpro")
	require.Contains(t, imported, "/gen/apiv2\n")
	require.NotContains(t, imported, "/gen/apiv1\n")
	require.NotContains(t, imported, "/internal/api/v1\n")
}
