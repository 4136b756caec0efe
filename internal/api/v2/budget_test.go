package v2_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/app"
)

// toMidnight moves the service's clock to a time before the next midnight UTC.
func toMidnight(s *apitest.Server, before time.Duration) {
	now := s.Clock.Now().UTC()
	s.Clock.Advance(now.Truncate(24 * time.Hour).Add(24*time.Hour - before).Sub(now))
}

// refusedUntil checks a refusal and that it says when to come back, some seconds later than the test thinks at most.
func refusedUntil(t *testing.T, a apitest.Answer, status int, code string, most time.Duration) {
	t.Helper()
	a.Refused(t, status, code)
	wait, err := strconv.Atoi(a.Header.Get("Retry-After"))
	require.NoError(t, err)
	require.LessOrEqual(t, wait, int(most/time.Second))
	require.Greater(t, wait, int(most/time.Second)-int(apitest.Patience/time.Second))
}

func TestALearnerWhoseDayIsSpentIsToldUntilWhen(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithConfig(func(c *app.Config) { c.TokensLearnerDay = 1 }))
	toMidnight(s, 10*time.Minute)
	l, other := s.SignUp(t), s.SignUp(t)
	c := l.Talk(t)
	var first apiv2.CreateMessageResult
	l.Do(t, say(c, map[string]any{"content": "Hello."}, map[string]string{"Prefer": "wait=30"})).Expect(t, http.StatusCreated, &first)
	key := map[string]string{"Idempotency-Key": "after-midnight"}
	refusedUntil(t, l.Do(t, say(c, map[string]any{"content": "More."}, key)), http.StatusTooManyRequests, "budget.learner_spent", 10*time.Minute)
	refusedUntil(t, l.Do(t, say(c, map[string]any{"content": "More.", "stream": true}, nil)), http.StatusTooManyRequests, "budget.learner_spent", 10*time.Minute)
	again := fmt.Sprintf("/conversations/%s/messages/%s/retry", c.ID, first.Reply.ID)
	refusedUntil(t, l.Post(t, again, nil), http.StatusTooManyRequests, "budget.learner_spent", 10*time.Minute)
	other.Do(t, say(other.Talk(t), map[string]any{"content": "Hello."}, map[string]string{"Prefer": "wait=30"})).Expect(t, http.StatusCreated, nil)

	s.Clock.Advance(10 * time.Minute)
	l.Do(t, say(c, map[string]any{"content": "More."}, key)).Expect(t, http.StatusAccepted, nil)
}

func TestAServiceWhoseDayIsSpentSaysSo(t *testing.T) {
	t.Parallel()
	s := apitest.New(t, apitest.WithConfig(func(c *app.Config) { c.TokensServiceDay = 1 }))
	toMidnight(s, 2*time.Hour)
	l := s.SignUp(t)
	c := l.Talk(t)
	l.Do(t, say(c, map[string]any{"content": "Hello."}, map[string]string{"Prefer": "wait=30"})).Expect(t, http.StatusCreated, nil)
	s.Clock.Advance(5 * time.Second)
	two := s.SignUp(t)
	refusedUntil(t, two.Do(t, say(two.Talk(t), map[string]any{"content": "Hello."}, nil)), http.StatusServiceUnavailable, "budget.service_spent", time.Hour)
}
