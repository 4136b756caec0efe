package learning_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/learning"
)

// spent is what Mei has spent today.
func (b *bench) spent() (tokens int64) {
	b.t.Helper()
	require.NoError(b.t, b.pool.QueryRow(b.t.Context(), "select coalesce(sum(tokens), 0) from token_days where user_id = $1 and day = $2", mei, now).Scan(&tokens))
	return tokens
}

func TestADraftAndItsRepairAreBothSpent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.model.Script(partner.Step{Text: good()})
	require.Equal(t, learning.SourceModel, b.write(uuid.New()).Source)
	one := b.spent()
	require.Positive(t, one)
	b.model.Script(partner.Step{Text: "{}"}, partner.Step{Text: good()})
	require.Equal(t, learning.SourceModel, b.write(uuid.New()).Source)
	both := b.spent() - one
	require.Greater(t, both, one, "the repair quotes the draft")
	b.model.Script(partner.Step{Text: "No.", FinishReason: "content_filter"})
	require.Equal(t, learning.SourceRules, b.write(uuid.New()).Source)
	require.Greater(t, b.spent(), one+both, "what cannot be used has been paid for too")
}

func TestWithoutTokensPlansAndFeedbackAreMadeByRules(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.allow(1)
	b.model.Script(partner.Step{Text: good()})
	require.Equal(t, learning.SourceModel, b.write(uuid.New()).Source)
	spent := b.spent()

	progress := &steps{}
	written, err := b.Write(t.Context(), progress, uuid.New(), input())
	require.NoError(t, err)
	require.Equal(t, learning.SourceRules, written.Source)
	require.Equal(t, &steps{total: 4, done: 4}, progress)
	require.Equal(t, learning.SourceRules, b.feedback(b.hold(aTalk())).Source)
	require.Equal(t, spent, b.spent(), "the model was not asked")
	require.Contains(t, b.logs.String(), "budget.learner_spent")
}

func TestARepairIsNotMadeWithTokensThatAreSpent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.allow(1)
	b.model.Script(partner.Step{Text: "{}"})
	require.Equal(t, learning.SourceRules, b.write(uuid.New()).Source)
	require.Contains(t, b.logs.String(), "budget.learner_spent")
}
