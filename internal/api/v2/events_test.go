package v2_test

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	domain "github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/devstack"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/secret"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
)

// device reads the events of its user.
type device struct {
	t      *testing.T
	learnt *apitest.Learner
	begin  string // the cursor that comes before any event
	stream *sse.Reader
	close  func()
}

// tune opens streamMyEvents after a cursor, "" for none, and reads to its first cursor.
func tune(t *testing.T, l *apitest.Learner, after string) *device {
	t.Helper()
	call := apitest.Call{Method: http.MethodGet, Path: "/events", Header: map[string]string{}}
	if after != "" {
		call.Header["Last-Event-ID"] = after
	}
	response := l.Open(t.Context(), t, call)
	d := &device{t: t, learnt: l, close: func() { _ = response.Body.Close() }}
	t.Cleanup(d.close)
	require.Equal(t, http.StatusOK, response.StatusCode)
	text := bufio.NewReader(response.Body)
	for d.begin == "" {
		line, err := text.ReadString('\n')
		require.NoError(t, err)
		d.begin = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(line, "id:"), "retry:"))
		if !strings.HasPrefix(line, "id:") {
			d.begin = ""
		}
	}
	d.stream = sse.NewReader(text)
	return d
}

// next is the next event.
func (d *device) next() sse.Event {
	d.t.Helper()
	e, err := d.stream.Next()
	require.NoError(d.t, err)
	require.Equal(d.t, e.Name, member(d.t, e, "type"))
	return e
}

// until reads to an event of a type that holds.
func (d *device) until(name string, holds func(e sse.Event) bool) sse.Event {
	d.t.Helper()
	for {
		if e := d.next(); e.Name == name && holds(e) {
			require.NotEmpty(d.t, e.ID)
			return e
		}
	}
}

// of is the member of a member of an event.
func of(t *testing.T, e sse.Event, thing, name string) any {
	t.Helper()
	return member(t, e, thing).(map[string]any)[name]
}

func TestWhatOneDeviceChangesIsSeenOnTheOthers(t *testing.T) {
	t.Parallel()
	s, laptop, work := errands(t)
	two := apitest.New(t, apitest.Beside(s), work.register())
	phone, _ := enter(t, s, laptop, "phone")
	_, tablet := enter(t, s, laptop, "tablet")
	d := tune(t, phone.On(two), "")

	c := laptop.Talk(t)
	path := "/conversations/" + c.ID.String()
	ours := func(e sse.Event) bool { return of(t, e, "conversation", "id") == c.ID.String() }
	d.until("conversation.created", ours)
	laptop.Do(t, apitest.Call{Method: http.MethodPatch, Path: path, Body: map[string]any{"title": "Spring"}}).Expect(t, http.StatusOK, nil)
	d.until("conversation.updated", func(e sse.Event) bool { return ours(e) && of(t, e, "conversation", "title") == "Spring" })
	laptop.Say(t, c, "Good morning.")
	d.until("conversation.updated", func(e sse.Event) bool { return ours(e) && of(t, e, "conversation", "message_count") == 3.0 })
	laptop.Post(t, path+"/rollback", map[string]any{"version": 1}).Expect(t, http.StatusOK, nil)
	back := d.until("conversation.rolled_back", ours)
	require.Equal(t, 1.0, member(t, back, "restored_version"))
	laptop.Do(t, apitest.Call{Method: http.MethodPatch, Path: path, Body: map[string]any{"status": "completed"}}).Expect(t, http.StatusOK, nil)
	d.until("conversation.updated", func(e sse.Event) bool { return ours(e) && of(t, e, "conversation", "status") == "completed" })
	var fork apiv2.Conversation
	laptop.Post(t, path+"/forks", map[string]any{"version": 1}).Expect(t, http.StatusCreated, &fork)
	d.until("conversation.created", func(e sse.Event) bool { return of(t, e, "conversation", "id") == fork.ID.String() })
	laptop.Do(t, apitest.Call{Method: http.MethodDelete, Path: path}).Expect(t, http.StatusNoContent, nil)
	d.until("conversation.deleted", func(e sse.Event) bool { return member(t, e, "conversation_id") == c.ID.String() })

	made := startErrand(t, s, laptop)
	p := <-work.begun
	p.Total(4)
	p.Add(1)
	d.until("task.progressed", func(e sse.Event) bool { return taskOf(t, e)["id"] == made.ID.String() })
	work.gives(map[string]any{"count": 1})
	done := d.until("task.completed", func(e sse.Event) bool { return taskOf(t, e)["id"] == made.ID.String() })
	require.Equal(t, map[string]any{"count": 1.0}, taskOf(t, done)["result"])

	laptop.Do(t, apitest.Call{Method: http.MethodPut, Path: "/onboarding/native-language", Body: map[string]any{"native_language": "english"}}).
		Expect(t, http.StatusOK, nil)
	step := d.until("onboarding.step_completed", func(sse.Event) bool { return true })
	require.Equal(t, "in_progress", of(t, step, "onboarding", "status"))
	laptop.Post(t, "/onboarding/reset", nil).Expect(t, http.StatusOK, nil)
	d.until("onboarding.step_completed", func(e sse.Event) bool { return of(t, e, "onboarding", "status") == "not_started" })

	laptop.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/sessions/" + tablet.ID.String()}).Expect(t, http.StatusNoContent, nil)
	d.until("session.revoked", func(e sse.Event) bool { return member(t, e, "session_id") == tablet.ID.String() })
	phone.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/sessions/current"}).Expect(t, http.StatusNoContent, nil)
	end := d.next()
	require.Equal(t, "session.revoked", end.Name)
	require.Equal(t, d.stream.LastID(), end.ID, "it has no cursor of its own")
	_, err := d.stream.Next()
	require.Error(t, err, "the stream's own end is told once")
}

func TestComingBackGivesWhatWasMissedAndNothingTwice(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	l := s.SignUp(t)
	d := tune(t, l, "")
	var wanted, cursors []string
	for range 5 {
		wanted = append(wanted, l.Talk(t).ID.String())
	}
	read := func(d *device, n int) (got []string) {
		for range n {
			e := d.next()
			require.Equal(t, "conversation.created", e.Name)
			got = append(got, of(t, e, "conversation", "id").(string))
			cursors = append(cursors, e.ID)
		}
		return got
	}
	require.ElementsMatch(t, wanted, read(d, 5))
	order := read(tune(t, l, d.begin), 5) // of different things there is no other
	require.ElementsMatch(t, wanted, order)
	cursors = cursors[5:]
	for i, cursor := range cursors[:4] {
		require.Equal(t, order[i+1:], read(tune(t, l, cursor), 4-i), "after event %d", i)
	}
	last := tune(t, l, cursors[4])
	again := l.Talk(t)
	require.Equal(t, []string{again.ID.String()}, read(last, 1))
	require.Equal(t, cursors[4], last.begin, "the place stays until something comes")
}

func TestEventsAreTheUsersOwn(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	mei, other := s.SignUp(t), s.SignUp(t)
	d := tune(t, mei, "")
	foreign := tune(t, other, "")
	l := other.Talk(t)
	require.Equal(t, "conversation.created", foreign.next().Name)
	other.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/conversations/" + l.ID.String()}).Expect(t, http.StatusNoContent, nil)
	foreign.until("conversation.deleted", func(sse.Event) bool { return true })
	own := mei.Talk(t)
	require.Equal(t, own.ID.String(), of(t, d.next(), "conversation", "id"), "the first that comes")

	mei.Get(t, "/events?after=%s", url.QueryEscape(foreign.begin)).Refused(t, http.StatusBadRequest, "cursor.invalid")
	mei.Get(t, "/events?after=nonsense").Refused(t, http.StatusBadRequest, "cursor.invalid")
	mei.Get(t, "/conversations/%s/events?after=%s", own.ID, url.QueryEscape(d.begin)).Refused(t, http.StatusBadRequest, "cursor.invalid")
	s.Nobody().Get(t, "/events").Refused(t, http.StatusUnauthorized, "auth.required")
}

// Who may not read conversations any more hears of none, but of the rest.
func TestEventsTellNoMoreThanTheRolesMayRead(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	admin, l := s.Admin(t), s.SignUp(t)
	c := l.Talk(t)
	admin.Do(t, apitest.Call{Method: http.MethodPut, Path: "/admin/users/" + l.User.ID.String() + "/roles", Body: map[string]any{"roles": []string{"moderator"}}}).
		Expect(t, http.StatusOK, nil)
	demoted, _ := enter(t, s, l, "phone")
	demoted.Get(t, "/conversations/%s", c.ID).Refused(t, http.StatusForbidden, "auth.forbidden")
	d := tune(t, demoted, "")
	commit(t, s, c.ID, domain.ConversationUpdated{ConversationID: c.ID, UserID: l.User.ID, Version: 2, Fields: []domain.ConversationField{"title"}})
	commit(t, s, c.ID, domain.OnboardingStepCompleted{UserID: l.User.ID, Step: "industry", CurrentStep: "industry"})
	require.Equal(t, "onboarding.step_completed", d.next().Name)
}

// commit commits a domain event.
func commit(t *testing.T, s *apitest.Server, aggregate uuid.UUID, data outbox.Data) {
	t.Helper()
	require.NoError(t, postgres.InTx(t.Context(), s.Pool(t), func(tx postgres.Tx) error {
		return outbox.Write(t.Context(), tx, time.Now(), aggregate, data)
	}))
}

// What is gone when it would be told is left out; its end follows.
func TestEventsOfWhatIsGoneAreLeftOut(t *testing.T) {
	t.Parallel()
	s := apitest.Shared(t)
	l := s.SignUp(t)
	d := tune(t, l, "")
	c := l.Talk(t)
	require.Equal(t, "conversation.created", d.next().Name)
	l.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/conversations/" + c.ID.String()}).Expect(t, http.StatusNoContent, nil)
	require.Equal(t, "conversation.deleted", d.next().Name)
	late := tune(t, l, d.begin)
	e := late.next()
	require.Equal(t, "conversation.deleted", e.Name)
	require.Equal(t, c.ID.String(), member(t, e, "conversation_id"))
}

// restartable is a Redis of the test's own; restart brings it back empty.
func restartable(t *testing.T) (option apitest.Option, client *redis.Client, restart func()) {
	t.Helper()
	var server *devstack.Redis
	start := func(port int) {
		var err error
		server, err = devstack.StartRedis(t.Context(), devstack.RedisConfig{ForceInProcess: true, Port: port})
		require.NoError(t, err)
	}
	stop := func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Stop(ctx)
	}
	start(0)
	t.Cleanup(stop)
	address, err := url.Parse(server.URL())
	require.NoError(t, err)
	port, err := strconv.Atoi(address.Port())
	require.NoError(t, err)
	client = redis.NewClient(&redis.Options{Addr: address.Host})
	t.Cleanup(func() { _ = client.Close() })
	return apitest.WithConfig(func(c *app.Config) { c.RedisURL = secret.NewURL(server.URL()) }), client, func() { stop(); start(port) }
}

func TestAGapIsToldAndLaterEventsCome(t *testing.T) {
	t.Parallel()
	option, client, restart := restartable(t)
	s := apitest.New(t, option)
	l := s.SignUp(t)
	d := tune(t, l, "")
	l.Talk(t)
	old := d.next()
	restart()
	gap := d.next()
	require.Equal(t, "stream.restarted", gap.Name)
	require.NotEqual(t, old.ID, gap.ID)
	c := l.Talk(t)
	ours := func(e sse.Event) bool { return of(t, e, "conversation", "id") == c.ID.String() }
	told := d.until("conversation.created", ours)

	expired := tune(t, l, old.ID)
	require.Equal(t, "stream.restarted", expired.next().Name, "the cursor is of a log that is gone")
	tune(t, l, gap.ID).until("conversation.created", ours)

	// Emptied, it keeps its connections: whoever reads goes on.
	require.NoError(t, client.FlushAll(t.Context()).Err())
	c = l.Talk(t)
	d.until("conversation.created", ours)
	expired.until("conversation.created", ours)
	require.Equal(t, "stream.restarted", tune(t, l, told.ID).next().Name)
}
