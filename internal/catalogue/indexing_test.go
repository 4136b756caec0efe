package catalogue_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

// counted takes progress.
type counted struct{ total, done int64 }

// Total notes how many there are.
func (c *counted) Total(n int64) { c.total = n }

// Add notes how many are done.
func (c *counted) Add(n int64) { c.done += n }

func TestAnIndexIsBuiltOfEveryRole(t *testing.T) {
	t.Parallel()
	b := indexed(t)
	name, roles := b.Serving()
	require.Equal(t, model, name)
	require.Equal(t, 96, roles)
	embedded, words := b.Fitted()
	require.Len(t, embedded, 10)
	require.Len(t, words, 7)
	require.Len(t, words, len(catalogue.WordsFit()))

	before := len(b.model.EmbeddingRequests())
	require.NoError(t, b.Index(t.Context()))
	require.Len(t, b.model.EmbeddingRequests(), before, "a whole index costs nothing")
	require.NoError(t, b.AskIndexed(t.Context()))
	require.Empty(t, b.jobs.kinds)
}

func TestAnIndexThatIsMissingIsAskedFor(t *testing.T) {
	t.Parallel()
	b := start(t)
	require.NoError(t, b.AskIndexed(t.Context()))
	require.Equal(t, []string{"catalogue.index_roles"}, b.jobs.kinds)
}

func TestTheOldIndexServesUntilTheNextIsWhole(t *testing.T) {
	t.Parallel()
	b := indexed(t)
	other := b.node("another-model")
	require.NoError(t, other.AskIndexed(t.Context()))
	require.Len(t, b.jobs.kinds, 1, "another model is configured")

	b.model.ScriptEmbeddings(partner.Step{}, partner.Step{Status: http.StatusInternalServerError}) // the second batch fails
	require.Error(t, other.Index(t.Context()))
	require.NoError(t, other.Refresh(t.Context()))
	name, roles := other.Serving()
	require.Equal(t, model, name)
	require.Equal(t, 96, roles)
	require.False(t, b.match("banking_finance", "Auditor", "I check accounts").Degraded)

	before := len(b.model.EmbeddingRequests())
	require.NoError(t, other.Index(t.Context()))
	require.NoError(t, b.Refresh(t.Context()))
	name, roles = b.Serving()
	require.Equal(t, "another-model", name)
	require.Equal(t, 96, roles)
	var first struct{ Input []string }
	require.NoError(t, json.Unmarshal(b.model.EmbeddingRequests()[before].Body, &first))
	require.Len(t, first.Input, 96-64, "it goes on where it was interrupted")
	var indexes int
	require.NoError(t, b.pool.QueryRow(t.Context(), "select count(*) from role_indexes").Scan(&indexes))
	require.Equal(t, 1, indexes, "the old one is gone")
}

func TestAReindexGoesOnWhereItWasInterrupted(t *testing.T) {
	t.Parallel()
	b := indexed(t)
	id := uuid.Must(uuid.NewV7())
	b.model.ScriptEmbeddings(partner.Step{}, partner.Step{Status: http.StatusInternalServerError})
	first, second := &counted{}, &counted{}
	_, err := b.Reindex(t.Context(), first, id)
	require.Error(t, err)
	require.Equal(t, counted{96, 64}, *first)
	_, roles := b.Serving()
	require.Equal(t, 96, roles, "the index is never empty")

	done, err := b.Reindex(t.Context(), second, id)
	require.NoError(t, err)
	require.Equal(t, counted{32, 32}, *second)
	require.EqualValues(t, 96, done.Roles)
	require.Equal(t, model, done.Model)
	require.Equal(t, 256, done.Dimension)

	before := len(b.model.EmbeddingRequests())
	_, err = b.Reindex(t.Context(), &counted{}, uuid.Must(uuid.NewV7()))
	require.NoError(t, err)
	require.Greater(t, len(b.model.EmbeddingRequests()), before, "each is embedded anew")
}

func TestAReindexReadsTheWordsAgain(t *testing.T) {
	t.Parallel()
	b := indexed(t)
	exec(t, b.pool, "delete from role_terms")
	exec(t, b.pool, "delete from role_vocabulary")
	_, err := b.Reindex(t.Context(), &counted{}, uuid.Must(uuid.NewV7()))
	require.NoError(t, err)
	b.model.ScriptEmbeddings(partner.Step{Status: http.StatusInternalServerError})
	found := b.match("banking_finance", "Auditor", "I check the accounts of companies")
	require.True(t, found.Degraded)
	require.Equal(t, "Auditor", titles(found)[0])
}

func TestAnEditedRoleIsEmbeddedAgain(t *testing.T) {
	t.Parallel()
	b := indexed(t)
	exec(t, b.pool, `update roles set text_hash = '\x00' where key = 'auditor'`)
	exec(t, b.pool, "update catalogue_revision set revision = revision + 1")
	require.NoError(t, b.Refresh(t.Context()))
	_, roles := b.Serving()
	require.Equal(t, 95, roles, "the vector of another text does not count")
	require.NoError(t, b.Index(t.Context()))
	require.NoError(t, b.Refresh(t.Context()))
	_, roles = b.Serving()
	require.Equal(t, 96, roles)
}
