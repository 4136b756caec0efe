package onboarding_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/onboarding"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// vowels is a small catalogue.
func vowels(given string) (string, bool) {
	id := strings.ToLower(strings.ReplaceAll(given, "-", "_"))
	return id, slices.Contains([]string{"a", "e", "i_o"}, id)
}

func TestChoicesAreNamedByTheirCanonicalIdsInTheGivenOrder(t *testing.T) {
	t.Parallel()
	ids, wrong := onboarding.Choose([]string{"I-O", "E", "a"}, "/x", vowels)
	require.Empty(t, wrong)
	require.Equal(t, []string{"i_o", "e", "a"}, ids)
}

func TestEveryWrongChoiceIsNamed(t *testing.T) {
	t.Parallel()
	many := slices.Repeat([]string{"a"}, 101)
	for _, c := range []struct{ given, want []string }{
		{[]string{"secret"}, []string{"/x/0 unknown"}},
		{[]string{"a", "A", "i_o", "secret", "I-O", "e", "secret"}, []string{"/x/1 repeated", "/x/3 unknown", "/x/4 repeated", "/x/6 unknown"}},
		{many, []string{"/x too_many"}},
	} {
		_, wrong := onboarding.Choose(c.given, "/x", vowels)
		require.Equal(t, c.want, places(t, &fault.Error{Fields: wrong}, "secret"))
	}
	_, wrong := onboarding.Choose(many[:100], "/x", vowels)
	require.Len(t, wrong, 99)
}

func TestWordsAboutAJobAreCountedAfterTrim(t *testing.T) {
	t.Parallel()
	text := func(n int) string { return "  " + strings.Repeat("会", n) + "\n" }
	for _, c := range []struct {
		title, description int
		want               []string
	}{
		{2, 10, nil},
		{200, 1000, nil},
		{1, 10, []string{"/p/title too_short"}},
		{201, 1001, []string{"/p/title too_long", "/p/description too_long"}},
		{0, 9, []string{"/p/title too_short", "/p/description too_short"}},
	} {
		job, err := onboarding.Words(text(c.title), text(c.description), "/p")
		if c.want == nil {
			require.NoError(t, err)
			require.Equal(t, onboarding.RoleInput{Title: strings.TrimSpace(text(c.title)), Description: strings.TrimSpace(text(c.description))}, job)
			continue
		}
		require.Equal(t, c.want, places(t, requireFault(t, err, fault.Malformed, "request.invalid"), "会"))
	}
}
