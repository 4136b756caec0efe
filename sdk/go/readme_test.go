package fluentpro_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	openapi_types "github.com/oapi-codegen/runtime/types"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/client"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	fluentpro "github.com/fluentpro/fluentpro/sdk/go"
)

// What the README shows are programs that run as they stand.
func TestTheReadmesExamplesRun(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	api, err := fluentpro.New(fluentpro.Config{URL: s.URL})
	require.NoError(t, err)
	_, err = api.SignUpWithResponse(t.Context(), nil, client.SignUpRequest{
		Email: openapi_types.Email("mei@example.com"), Password: "Harbour-Light-42", FullName: "Mei Chen",
	})
	require.NoError(t, err)

	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	programs := regexp.MustCompile("(?s)```go\n(package main.*?)```").FindAllSubmatch(readme, -1)
	require.Len(t, programs, 2)
	for _, program := range programs {
		file := filepath.Join(t.TempDir(), "main.go")
		require.NoError(t, os.WriteFile(file, program[1], 0o600))
		command := exec.CommandContext(t.Context(), "go", "run", file)
		command.Env = append(os.Environ(), "FLUENTPRO_URL="+s.URL)
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Regexp(t, `^[A-Z].{20,}`, string(out), "what the partner said")
	}
}
