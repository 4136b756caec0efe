package journey_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/client"
	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

func TestAReplyIsWhatItsEventsMakeIt(t *testing.T) {
	t.Parallel()
	l, s := learnerOf(t, stream(created("1"), started("2", ""), delta("3", "Good "), event("4", "partner.smiled", `"at":"you"`),
		delta("5", "day."), started("6", "Good "), delta("7", "morning."), completed("8", "Good morning.")))
	r, err := say(t, l, func(in *journey.SayInput) { in.Key = "once" })
	require.NoError(t, err)
	require.Equal(t, "Good morning.", r.Text)
	require.Equal(t, "Good morning.", r.Final.Content)
	require.Equal(t, saidID, r.Said.ID)
	require.Equal(t, replyID, r.ID)
	require.Equal(t, []int{3, 2, 0}, []int{r.Deltas, r.Starts, r.Resumes})
	require.Equal(t, "once", s.asked[0].Header.Get("Idempotency-Key"))
	require.Equal(t, "Bearer first", s.asked[0].Header.Get("Authorization"))
}

func TestAStreamThatIsClosingIsResumedWhenItSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, s := learnerOf(t,
			stream(created("1"), started("2", ""), delta("3", "Good "), closing("draining", 3000)),
			stream(delta("4", "morning."), completed("5", "Good morning.")))
		began := time.Now()
		r, err := say(t, l, nil)
		require.NoError(t, err)
		require.Equal(t, 3*time.Second, time.Since(began))
		require.Equal(t, "Good morning.", r.Text)
		require.Equal(t, []client.StreamClosingReason{client.Draining}, r.Closings)
		require.Equal(t, 1, r.Resumes)
		require.True(t, strings.HasSuffix(s.asked[1].URL.Path, "/messages/"+replyID.String()+"/events"))
		require.Equal(t, "3", s.asked[1].Header.Get("Last-Event-ID"), "stream.closing has no place in the stream")
	})
}

func TestABrokenStreamIsResumedAfterTheLastEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		whole := stream(created("1"), started("2", ""), delta("3", "Good "), delta("4", "mor"))
		l, s := learnerOf(t, whole, stream(), stream(started("5", "Good "), delta("6", "morning."), completed("7", "Good morning.")))
		r, err := say(t, l, nil)
		require.NoError(t, err)
		require.Equal(t, "Good morning.", r.Text, "message.started replaces what was there")
		require.Equal(t, 2, r.Resumes)
		require.Equal(t, "4", s.asked[1].Header.Get("Last-Event-ID"))
		require.Equal(t, "4", s.asked[2].Header.Get("Last-Event-ID"))
	})
}

func TestAConnectionIsCutOnPurposeOnce(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]step{
		"after the deltas asked for":     stream(created("1"), started("2", ""), delta("3", "Good "), delta("4", "morning."), delta("5", " You?")),
		"before the last event at least": stream(created("1"), started("2", ""), delta("4", "Good morning."), completed("6", "Good morning.")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, s := learnerOf(t, first, stream(completed("6", "Good morning.")))
			var ends []error
			r, err := say(t, l, func(in *journey.SayInput) {
				in.BreakAfter = 2
				in.Watch = func(_ *journey.Reply, ended error) { ends = append(ends, ended) }
			})
			require.NoError(t, err)
			require.Equal(t, "Good morning.", r.Text)
			require.Equal(t, "4", s.asked[1].Header.Get("Last-Event-ID"))
			require.ErrorIs(t, errors.Join(ends...), journey.ErrCut)
		})
	}
}

func TestASilentStreamCountsAsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		silent, keep := io.Pipe()
		defer keep.Close()
		hanging := func(r *http.Request) (*http.Response, error) {
			go func() {
				<-r.Context().Done()
				_ = keep.CloseWithError(r.Context().Err()) // as the transport does
			}()
			return answer(http.StatusOK, "text/event-stream", io.MultiReader(strings.NewReader(created("1")), silent))(r)
		}
		l, _ := learnerOf(t, hanging, stream(started("2", "Good morning."), completed("3", "Good morning.")))
		began := time.Now()
		_, err := say(t, l, nil)
		require.NoError(t, err)
		require.Greater(t, time.Since(began), 30*time.Second, "two heartbeats may be late")
		require.Less(t, time.Since(began), time.Minute)
	})
}

func TestAReaderGivesUpWhenNothingComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, s := learnerOf(t, stream(created("1"), started("2", "")), stream())
		_, err := say(t, l, nil)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Len(t, s.asked, 10)
	})
}

func TestALineWhoseAnswerNeverCameIsSaidAgainWithTheSameKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, s := learnerOf(t,
			func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF },
			answer(http.StatusServiceUnavailable, "application/problem+json", strings.NewReader(`{"code":"server.unavailable"}`)),
			stream(created("1"), started("2", "Good morning."), completed("3", "Good morning.")))
		r, err := say(t, l, nil)
		require.NoError(t, err)
		require.Zero(t, r.Resumes)
		require.Len(t, s.asked, 3)
		require.NotEmpty(t, s.asked[0].Header.Get("Idempotency-Key"))
		for _, again := range s.asked[1:] {
			require.Equal(t, http.MethodPost, again.Method)
			require.Equal(t, s.asked[0].Header.Get("Idempotency-Key"), again.Header.Get("Idempotency-Key"))
		}
	})
}

func TestAnExpiringTokenIsRefreshedBeforeTheStreamGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, s := learnerOf(t,
			stream(created("1"), started("2", "Good "), closing("token_expiring", 10)),
			answer(http.StatusOK, "application/json", strings.NewReader(`{"tokens":{"access_token":"second","refresh_token":"next"}}`)),
			stream(delta("3", "morning."), completed("4", "Good morning.")))
		_, err := say(t, l, nil)
		require.NoError(t, err)
		require.Equal(t, "/api/v2/sessions/refresh", s.asked[1].URL.Path)
		require.Equal(t, "Bearer second", s.asked[2].Header.Get("Authorization"))
	})
}

func TestARefusalIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	l, s := learnerOf(t, answer(http.StatusConflict, "application/problem+json",
		strings.NewReader(`{"code":"conversation.reply_in_flight","detail":"Wait.","request_id":"r1","status":409}`)))
	_, err := say(t, l, nil)
	refused, ok := errors.AsType[*journey.Refused](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, "conversation.reply_in_flight", refused.Code)
	require.ErrorContains(t, err, "createMessage: 409 conversation.reply_in_flight: Wait. (request r1)")
	require.Len(t, s.asked, 1)
}

func TestAStreamThatBreaksTheContractIsAnError(t *testing.T) {
	t.Parallel()
	other := strings.ReplaceAll(delta("3", "Good"), replyID.String(), saidID.String())
	for name, broken := range map[string]string{
		"type differs from event": strings.Replace(delta("3", "Good"), "event: message.delta", "event: message.started", 1),
		"no JSON":                 "event: message.delta\ndata: {\n\n",
		"another message":         other,
		"another message's end":   strings.ReplaceAll(completed("3", "x"), replyID.String(), saidID.String()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, s := learnerOf(t, stream(created("1"), started("2", ""), broken))
			_, err := say(t, l, nil)
			require.ErrorContains(t, err, "not what the contract says")
			require.Len(t, s.asked, 1)
		})
	}
}
