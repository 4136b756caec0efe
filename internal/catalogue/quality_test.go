package catalogue_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/fluentpro/fluentpro/internal/catalogue"
)

// described is a job as a learner writes it, with the roles that are right; none:
// nothing should be offered. The list was written by somebody who had not seen the
// words of the roles, the training or the ranking, and nothing is fitted to it.
type described struct {
	Industry    string   `yaml:"industry"`
	Title       string   `yaml:"title"`
	Description string   `yaml:"description"`
	Accept      []string `yaml:"accept"`
}

// quality counts how well a ranking does.
type quality struct {
	fitting, hit1, hit5, nones, offered int
	reciprocal                          float64
	missed                              []string
}

// take counts an answer, the best role first.
func (q *quality) take(d described, answer []uuid.UUID) {
	if len(d.Accept) == 0 {
		q.nones++
		if len(answer) > 0 {
			q.offered++
			q.missed = append(q.missed, fmt.Sprintf("offered for nothing: %s (%s)", d.Title, d.Industry))
		}
		return
	}
	q.fitting++
	at := slices.IndexFunc(answer, func(id uuid.UUID) bool {
		return slices.ContainsFunc(d.Accept, func(key string) bool { return catalogue.SeedID(key) == id })
	})
	if at >= 0 {
		q.reciprocal += 1 / float64(at+1)
	}
	if at == 0 {
		q.hit1++
	} else {
		q.missed = append(q.missed, fmt.Sprintf("place %d of %v: %s (%s)", at+1, d.Accept, d.Title, d.Industry))
	}
	if at >= 0 && at < catalogue.MaxMatches {
		q.hit5++
	}
}

func (q *quality) hits() (at1, at5 float64) {
	return float64(q.hit1) / float64(q.fitting), float64(q.hit5) / float64(q.fitting)
}

// String is one line for people.
func (q *quality) String() string {
	at1, at5 := q.hits()
	return fmt.Sprintf("hit@1 %.3f, hit@5 %.3f, mean reciprocal rank %.3f of %d; something offered for %d of %d that fit none",
		at1, at5, q.reciprocal/float64(q.fitting), q.fitting, q.offered, q.nones)
}

func descriptions(t *testing.T) []described {
	t.Helper()
	text, err := os.ReadFile("../../test/e2e/testdata/role-matching.yaml")
	require.NoError(t, err)
	var all []described
	require.NoError(t, yaml.Unmarshal(text, &all))
	require.GreaterOrEqual(t, len(all), 60)
	return all
}

// TestDescriptionsFindTheirRoles measures the ranking, and each half of it alone.
// `go test -v -run TestDescriptions` prints the figures.
func TestDescriptionsFindTheirRoles(t *testing.T) {
	t.Parallel()
	b := indexed(t)
	known := map[uuid.UUID]bool{}
	for _, r := range seededRoles(t, b.Service) {
		known[r.ID] = true
	}
	_, fitted := b.Fitted()
	t.Logf("fit of words: %.2f", fitted)
	var both, words, meaning quality
	for _, d := range descriptions(t) {
		for _, key := range d.Accept {
			require.True(t, known[catalogue.SeedID(key)], key)
		}
		in := catalogue.MatchInput{IndustryID: d.Industry, Title: d.Title, Description: d.Description, Language: "en"}
		found, err := b.Match(t.Context(), in)
		require.NoError(t, err)
		require.False(t, found.Degraded)
		both.take(d, matched(found))
		found, err = b.MatchByWords(t.Context(), in)
		require.NoError(t, err)
		words.take(d, matched(found))
		near, err := b.MatchByMeaning(t.Context(), in)
		require.NoError(t, err)
		meaning.take(d, near)
	}
	t.Logf("both:            %s\n  %s", &both, strings.Join(both.missed, "\n  "))
	t.Logf("words alone:     %s", &words)
	t.Logf("meaning alone:   %s", &meaning)
	at1, at5 := both.hits()
	require.GreaterOrEqual(t, at1, 0.8)
	require.GreaterOrEqual(t, at5, 0.95)
	require.LessOrEqual(t, float64(both.offered), 0.2*float64(both.nones))
}

func matched(found catalogue.Matches) []uuid.UUID {
	ids := []uuid.UUID{}
	for _, m := range found.Matches {
		ids = append(ids, m.Role.ID)
	}
	return ids
}
