package docs_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	pages "github.com/fluentpro/fluentpro/docs"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

type problem struct{ code, status string }

// listed reads docs/problems.md, without the means of the package under test.
func listed(t *testing.T) []problem {
	t.Helper()
	var out []problem
	pattern := regexp.MustCompile(`(?m)^## (\S+)\n\n- Status: ([0-9]{3} .+)$`)
	for _, match := range pattern.FindAllStringSubmatch(string(pages.Problems), -1) {
		out = append(out, problem{code: match[1], status: match[2]})
	}
	require.Len(t, out, strings.Count(string(pages.Problems), "\n## "), "each section needs a status right below its heading")
	require.NotEmpty(t, out)
	return out
}

func TestTheProblemsPageListsTheCodesOfTheContract(t *testing.T) {
	t.Parallel()
	var contract struct {
		Components struct {
			Schemas map[string]struct{ Enum []string }
		}
	}
	require.NoError(t, yaml.Unmarshal(shipped(t)["v2"], &contract))
	var codes []string
	for _, problem := range listed(t) {
		codes = append(codes, problem.code)
	}
	require.True(t, slices.IsSorted(codes), "docs/problems.md is sorted by code")
	require.Equal(t, contract.Components.Schemas["ProblemCode"].Enum, codes)
}

func TestEveryFaultHasItsSectionWithItsStatus(t *testing.T) {
	t.Parallel()
	statuses := map[string]string{}
	for _, problem := range listed(t) {
		statuses[problem.code] = problem.status
	}
	faults := faultsIn(t, "internal")
	require.NotEmpty(t, faults)
	for _, f := range faults {
		status, found := statuses[f.code]
		require.True(t, found, "%s: %q is not in docs/problems.md", f.position, f.code)
		answer := web.Describe(fault.New(f.kind, f.code, ""))
		require.Equal(t, status, strconv.Itoa(answer.Status)+" "+answer.Title, "%s: %s", f.position, f.code)
	}
}

func TestTheSearchForFaultsFindsThemInEveryForm(t *testing.T) {
	t.Parallel()
	var found []string
	for _, f := range faultsIn(t, "internal/api/docs/testdata/faults") {
		found = append(found, strconv.Itoa(int(f.kind))+" "+f.code)
	}
	slices.Sort(found)
	notFound, conflict := strconv.Itoa(int(fault.NotFound))+" ", strconv.Itoa(int(fault.Conflict))+" "
	require.Equal(t, []string{
		notFound + "a.constant", notFound + "a.literal", notFound + "another.constant",
		conflict + "by.method", conflict + "by.parameter", conflict + "by.way_of_two",
	}, found)
}
