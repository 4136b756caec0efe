package learning_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/learning"
)

func TestWordsAreCountedInEveryScript(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"":                               0,
		" ... !? — ":                     0,
		"Good morning":                   2,
		"I don't know, don’t ask":        5,
		"a follow-up at 9:30":            4,
		"1,250.50 dollars":               2,
		"well,then.so":                   3,
		"rock - and 'roll'":              3,
		"我们谈谈价格":                         6,
		"我们用Excel做报价。":                   7,
		"お願いします":                         3,
		"カタカナ":                           1,
		"안녕하세요 여러분":                      2,
		"Cafe\u0301 au lait":             3,
		"naïve café":                     2,
		"🙂 👍🏽":                           0,
		"3rd quarter 2026":               3,
		"नमस्ते दुनिया":                  2,
		"E-mail: mei@example.com":        4,
		"trailing-":                      1,
		"first line\nsecond\tline\u00a0": 4,
	} {
		require.Equal(t, want, learning.Words(text), text)
	}
}

func TestARowOfQuestionMarksIsOneQuestion(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"": 0, "No.": 0, "Why?": 1, "Why?? When?": 2, "What?!?": 1, "真的吗？为什么？": 2, "هل؟": 1, "Hm? ?": 2, "?!": 1, "!?": 1,
	} {
		require.Equal(t, want, learning.Questions(text), text)
	}
}

func TestTheEngagementScoreIsTheSumOfItsParts(t *testing.T) {
	t.Parallel()
	for want, c := range map[int]learning.Counts{
		0:   {PartnerMessages: 3, PartnerWords: 30},
		4:   {LearnerMessages: 1, PartnerWords: 30},                                 // a message without words
		6:   {LearnerMessages: 1, LearnerWords: 1, PartnerWords: 30},                // 4 + 2
		37:  {LearnerMessages: 1, LearnerWords: 12, PartnerWords: 30, Questions: 1}, // 4 + 24 + 5 + 4
		57:  {LearnerMessages: 3, LearnerWords: 50, PartnerWords: 1, Questions: 1},  // 12 + 30 + 5 + 10
		100: {LearnerMessages: 10, LearnerWords: 150, PartnerWords: 150, Questions: 4},
	} {
		require.Equal(t, want, learning.EngagementOf(c), "%+v", c)
	}
	most := learning.Counts{LearnerMessages: 1 << 20, LearnerWords: 1 << 30, PartnerWords: 1, Questions: 1 << 20}
	require.Equal(t, 100, learning.EngagementOf(most))
}

func TestWordsPerMessageAreRoundedDown(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 6.6, learning.Counts{LearnerMessages: 3, LearnerWords: 20}.PerMessage(), 1e-9)
	require.Zero(t, learning.Counts{LearnerWords: 0}.PerMessage())
}

func TestABreakIsNoTalk(t *testing.T) {
	t.Parallel()
	lines := said("Hello.", "Hello.", "How are you?", "Fine.")
	took := func() int {
		f, _ := learning.FeedbackByRules(learning.Background{}, lines)
		return f.Counts.Seconds
	}
	require.Equal(t, 91, took())
	for i := range lines[2:] {
		lines[i+2].BeganAt = lines[i+2].BeganAt.Add(72 * time.Hour)
		lines[i+2].EndedAt = lines[i+2].EndedAt.Add(72 * time.Hour)
	}
	require.Equal(t, 31+300+31, took(), "five minutes are counted of three days")
	lines[3].EndedAt = time.Time{}
	require.Equal(t, 31+300+30, took())
	lines[3].BeganAt = now
	require.Equal(t, 31+300+1, took(), "a clock that was put back counts nothing")
}
