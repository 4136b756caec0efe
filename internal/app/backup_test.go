package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/backup"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
	"github.com/fluentpro/fluentpro/internal/devstack"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
	"github.com/fluentpro/fluentpro/internal/platform/secret"
)

// steps takes progress, and does something at each step.
type steps func()

func (steps) Total(int64) {}

func (s steps) Add(int64) {
	if s != nil {
		s()
	}
}

// operator is one at a vault.
type operator struct {
	*app.Desk
	t   *testing.T
	cfg app.Config
}

func operate(t *testing.T, cfg app.Config) *operator {
	t.Helper()
	v, err := app.OpenDesk(t.Context(), cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(v.Close)
	return &operator{v, t, cfg}
}

// besides is an operator of another database, migrated and without learners, with the same store.
func (o *operator) besides(t *testing.T) *operator {
	t.Helper()
	cfg := o.cfg
	cfg.DatabaseURL = secret.NewURL(apitest.Database(t))
	return operate(t, cfg)
}

func (o *operator) backUp(at steps) backup.Manifest {
	o.t.Helper()
	m, err := o.Backups.Create(o.t.Context(), at, backup.CreateInput{})
	require.NoError(o.t, err)
	return m
}

// restore gives the report of conversations.
func (o *operator) restore(in backup.RestoreInput) backup.PartReport {
	o.t.Helper()
	report, err := o.Backups.Restore(o.t.Context(), steps(nil), in, backup.RestoreBy{})
	require.NoError(o.t, err)
	require.Equal(o.t, "conversations", report.Parts[1].Name)
	return report.Parts[1]
}

// records are all conversations as they are stored, but for what only this database knows.
func (o *operator) records() map[uuid.UUID]string {
	o.t.Helper()
	rows, err := o.Pool.Query(o.t.Context(), "select id from conversations")
	require.NoError(o.t, err)
	defer rows.Close()
	var ids []uuid.UUID
	for rows.Next() {
		var id uuid.UUID
		require.NoError(o.t, rows.Scan(&id))
		ids = append(ids, id)
	}
	out := map[uuid.UUID]string{}
	for _, id := range ids {
		r, err := o.Conversations.Record(o.t.Context(), id)
		require.NoError(o.t, err)
		r.Settle()
		text, err := json.Marshal(r)
		require.NoError(o.t, err)
		out[id] = string(text)
	}
	return out
}

// users are all accounts, every column.
func (o *operator) users() (out string) {
	o.t.Helper()
	require.NoError(o.t, o.Pool.QueryRow(o.t.Context(), "select coalesce(jsonb_agg(to_jsonb(u) order by id), '[]')::text from users u").Scan(&out))
	return out
}

func (o *operator) isWhole() {
	o.t.Helper()
	v, err := o.Conversations.Verify(o.t.Context(), steps(nil), conversation.VerifyInput{Format: 1, Scope: conversation.VerifyAll})
	require.NoError(o.t, err)
	require.Zero(o.t, v.Findings)
}

func (o *operator) exec(sql string, args ...any) {
	o.t.Helper()
	_, err := o.Pool.Exec(o.t.Context(), sql, args...)
	require.NoError(o.t, err)
}

// say says something and waits for the answer.
func say(t *testing.T, l *apitest.Learner, c apiv2.Conversation, content string) apiv2.CreateMessageResult {
	t.Helper()
	var out apiv2.CreateMessageResult
	l.Do(t, apitest.Call{
		Method: http.MethodPost, Path: "/conversations/" + c.ID.String() + "/messages", Body: map[string]any{"content": content},
		Header: map[string]string{"Prefer": "wait=20"},
	}).Expect(t, http.StatusCreated, &out)
	return out
}

// messages gives those of a conversation, as its learner sees them.
func messages(t *testing.T, l *apitest.Learner, c apiv2.Conversation) []apiv2.Message {
	t.Helper()
	var page apiv2.MessagePage
	l.Get(t, "/conversations/%s/messages", c.ID).Expect(t, http.StatusOK, &page)
	return page.Data
}

func TestEverythingComesBackIntoAnEmptyDatabaseBitForBit(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	o := operate(t, s.Config)
	mei, li := s.SignUp(t), s.SignUp(t)
	told, short := mei.Talk(t), li.Talk(t)
	path := "/conversations/" + told.ID.String()
	mei.Do(t, apitest.Call{Method: http.MethodPatch, Path: path, Header: map[string]string{"Content-Type": "application/merge-patch+json"}, Body: []byte(
		`{"title": "Prices \u00e9\ud83d\ude00", "tags": ["b", "a"], "metadata": {"n": 1.50, "big": 12345678901234567890, "z": 1, "a": {}}}`)}).Expect(t, http.StatusOK, nil)
	for i := range 3 {
		say(t, mei, told, fmt.Sprintf("We can offer %d percent.", i))
	}
	full := o.backUp(nil)
	require.Equal(t, backup.Full, full.Kind)
	require.EqualValues(t, 2, full.Parts[1].Things)

	mei.Post(t, path+"/rollback", map[string]any{"version": 4}).Expect(t, http.StatusOK, nil)
	say(t, mei, told, "Let us begin again.")
	mei.Post(t, path+"/forks", map[string]any{"version": 3}).Expect(t, http.StatusCreated, nil)
	s.Model.Script(partner.Step{SilentAfter: 2})
	waiting := li.Talk(t)
	sent := li.Say(t, waiting, "Are you there?")
	var before map[uuid.UUID]string
	last := o.backUp(func() { // the first of these is not in the backup, whatever is written at which step
		if before == nil {
			before = o.records()
			say(t, mei, told, "What comes meanwhile.")
			mei.Talk(t)
		}
	})
	require.Equal(t, backup.Incremental, last.Kind)
	require.NotEqual(t, before, o.records())
	v, err := o.Backups.Verify(t.Context(), steps(nil), last.ID, identities(t, s.Config))
	require.NoError(t, err)
	require.Zero(t, v.Findings, "%v", v.Named)
	require.EqualValues(t, 2+4, v.Things)

	other := o.besides(t)
	in := backup.RestoreInput{BackupID: last.ID}
	dry := other.restore(in)
	require.Empty(t, other.records(), "a dry run changes nothing")
	require.Equal(t, "[]", other.users())
	in.Write = true
	report := other.restore(in)
	require.Equal(t, map[string]int64{"restored": 4}, report.Outcomes)
	require.Equal(t, dry, report)
	require.Equal(t, before, other.records())
	require.Equal(t, o.users(), other.users())
	other.isWhole()
	require.Equal(t, map[string]int64{"unchanged": 4}, other.restore(in).Outcomes, "it may be done again")

	fresh, err := devstack.StartRedisForTests(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = fresh.Stop(context.Background()) })
	other.cfg.RedisURL = secret.NewURL(fresh.URL())
	again := apitest.New(t, apitest.WithConfig(func(c *app.Config) { *c = other.cfg }))
	var in2 apiv2.LogInResult
	here := again.Nobody()
	here.Post(t, "/sessions", map[string]any{"email": li.User.Email, "password": apitest.Password}).Expect(t, http.StatusCreated, &in2)
	here.Tokens = in2.Tokens
	here.Get(t, "/conversations/%s/messages/%s/events", waiting.ID, sent.Reply.ID).Expect(t, http.StatusOK, nil) // to its end
	list := messages(t, here, waiting)
	require.EqualValues(t, "completed", list[len(list)-1].Status, "the reply that was under way has its job")
	require.Len(t, messages(t, here, short), 1)
	other.isWhole()
}

func identities(t *testing.T, cfg app.Config) []age.Identity {
	t.Helper()
	out, err := backup.Identities(cfg.BackupIdentityFile)
	require.NoError(t, err)
	return out
}

func TestARestoreOntoALiveDatabaseMendsWhatIsBrokenAndTouchesNothingElse(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	o := operate(t, s.Config)
	mei, gone := s.SignUp(t), s.SignUp(t)
	damaged, lost, fine, dropped := mei.Talk(t), mei.Talk(t), mei.Talk(t), mei.Talk(t)
	hers := gone.Talk(t)
	first := say(t, mei, damaged, "We can offer ten percent.")
	say(t, mei, lost, "Good morning.")
	m := o.backUp(nil)
	say(t, mei, damaged, "That was our last word.")
	say(t, mei, fine, "Nothing is wrong here.")
	whole, wholeFine, wholeLost := messages(t, mei, damaged), messages(t, mei, fine), messages(t, mei, lost)
	mei.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/conversations/" + dropped.ID.String()}).Expect(t, http.StatusNoContent, nil)
	gone.Do(t, apitest.Call{Method: http.MethodDelete, Path: "/users/me", Header: map[string]string{"Prefer": "wait=20"}}).Expect(t, http.StatusOK, nil)
	require.NotContains(t, o.users(), gone.User.ID.String())

	o.exec("update messages set content = 'We can offer ninety percent.' where id = $1", first.Message.ID)
	o.exec("delete from conversation_texts where conversation_id = $1 and version = 2", damaged.ID)
	o.exec("delete from messages where conversation_id = $1", lost.ID)
	o.exec("delete from conversations where id = $1", lost.ID)
	o.exec("alter table conversation_versions disable trigger user")
	o.exec("delete from conversation_versions where conversation_id = $1", lost.ID)
	o.exec("alter table conversation_versions enable trigger user")
	broken := o.records()

	want := map[string]int64{conversation.Restored: 1, conversation.Recovered: 1, conversation.Unchanged: 1, conversation.Deleted: 1, conversation.Erased: 1}
	in := backup.RestoreInput{BackupID: m.ID}
	require.Equal(t, want, o.restore(in).Outcomes)
	require.Equal(t, broken, o.records(), "a dry run changes nothing")

	response := mei.Open(t.Context(), t, apitest.Call{Method: http.MethodGet, Path: "/conversations/" + damaged.ID.String() + "/events"})
	defer func() { _ = response.Body.Close() }()
	in.Write = true
	report := o.restore(in)
	require.Equal(t, want, report.Outcomes)
	require.Contains(t, fmt.Sprint(report.Named), damaged.ID.String(), "it names what an operator should look at")
	readsAbout(t, bufio.NewReader(response.Body), "conversation.rolled_back")
	require.Equal(t, whole, messages(t, mei, damaged), "with what was said after the backup")
	require.Equal(t, wholeFine, messages(t, mei, fine))
	require.Equal(t, wholeLost, messages(t, mei, lost))
	mei.Get(t, "/conversations/%s", dropped.ID).Refused(t, http.StatusNotFound, "resource.not_found")
	require.NotContains(t, o.records(), hers.ID)
	require.NotContains(t, o.users(), gone.User.ID.String())
	o.isWhole()
	require.Equal(t, map[string]int64{conversation.Unchanged: 3, conversation.Deleted: 1, conversation.Erased: 1}, o.restore(in).Outcomes)

	other := o.besides(t)
	report = other.restore(in)
	require.EqualValues(t, 1, report.Outcomes[conversation.Erased], "an empty database does not know of her erasure; the store does")
	require.NotContains(t, other.users(), gone.User.ID.String())
	other.isWhole()

	in.IncludeDeleted, in.ConversationID = true, &dropped.ID
	require.EqualValues(t, 1, o.restore(in).Outcomes[conversation.Restored], "unless it is asked for by name")
	require.Len(t, messages(t, mei, dropped), 1)
	o.isWhole()
	next := o.backUp(nil)
	require.Equal(t, backup.Incremental, next.Kind)
	third := o.besides(t)
	third.restore(backup.RestoreInput{BackupID: next.ID, Write: true})
	require.Equal(t, o.records(), third.records(), "the next increment has what was recovered, and what was brought back")
	third.isWhole()
}

// readsAbout reads events up to one of a type.
func readsAbout(t *testing.T, from *bufio.Reader, kind string) {
	t.Helper()
	for {
		line, err := from.ReadString('\n')
		require.NoError(t, err)
		if strings.TrimSpace(line) == "event: "+kind {
			return
		}
	}
}

func TestOneConversationGoesBackToAVersionAndOneLearnerToATime(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	o := operate(t, s.Config)
	mei, li := s.SignUp(t), s.SignUp(t)
	c, his := mei.Talk(t), li.Talk(t)
	say(t, mei, c, "One.")
	say(t, li, his, "Mine.")
	early := messages(t, mei, c)
	m := o.backUp(nil)
	r, err := o.Conversations.Record(t.Context(), c.ID)
	require.NoError(t, err)
	say(t, mei, c, "Two.")
	later := mei.Talk(t)
	untouched := o.records()[his.ID]

	in := backup.RestoreInput{BackupID: m.ID, ConversationID: &c.ID, Version: r.Head.Version, Write: true}
	require.Equal(t, map[string]int64{conversation.SetBack: 1}, o.restore(in).Outcomes)
	require.Equal(t, contents(early), contents(messages(t, mei, c)))
	in.Version = 9999
	_, err = o.Backups.Restore(t.Context(), steps(nil), in, backup.RestoreBy{})
	require.ErrorContains(t, err, "conversation.unknown_version")

	say(t, mei, c, "Three.")
	at := newest(r).At
	in = backup.RestoreInput{BackupID: m.ID, UserID: &mei.User.ID, At: &at, Write: true}
	require.Equal(t, map[string]int64{conversation.SetBack: 1}, o.restore(in).Outcomes)
	require.Equal(t, contents(early), contents(messages(t, mei, c)))
	require.Len(t, messages(t, mei, later), 1, "what is not in the backup stays")
	require.Equal(t, untouched, o.records()[his.ID])
	o.isWhole()

	other := o.besides(t)
	in.UserID = &li.User.ID
	in.At = nil
	require.Equal(t, map[string]int64{conversation.Restored: 1}, other.restore(in).Outcomes)
	require.Equal(t, map[uuid.UUID]string{his.ID: untouched}, other.records(), "one learner's alone")
	ghost := uuid.New()
	require.Equal(t, map[string]int64{"not_in_backup": 1}, other.restore(backup.RestoreInput{BackupID: m.ID, ConversationID: &ghost}).Outcomes)
	require.Equal(t, map[string]int64{conversation.Ownerless: 1}, other.restore(backup.RestoreInput{BackupID: m.ID, ConversationID: &c.ID, Write: true}).Outcomes)
}

func newest(r record.Record) record.Version { return r.Versions[len(r.Versions)-1] }

func contents(list []apiv2.Message) (out []string) {
	for _, m := range list {
		out = append(out, m.Content)
	}
	return out
}

func TestAnEmailThatBelongsToAnotherNowIsNamed(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	o := operate(t, s.Config)
	mei := s.SignUp(t)
	m := o.backUp(nil)
	other := o.besides(t)
	other.exec("insert into users (id, email, full_name, password_hash, created_at, updated_at) values ($1, $2, 'Another', '', now(), now())", uuid.New(), mei.User.Email)
	report, err := other.Backups.Restore(t.Context(), steps(nil), backup.RestoreInput{BackupID: m.ID, Write: true}, backup.RestoreBy{})
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"email_taken": 1}, report.Parts[0].Outcomes)
	require.Equal(t, mei.User.ID, report.Parts[0].Named[0].ID)
}

func TestARestoreThatIsStoppedGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	s := apitest.New(t)
	o := operate(t, s.Config)
	mei := s.SignUp(t)
	for range 3 {
		mei.Talk(t)
	}
	m := o.backUp(nil)
	other := o.besides(t)
	ctx, stop := context.WithCancel(t.Context())
	n := 0
	in := backup.RestoreInput{BackupID: m.ID, Write: true}
	_, err := other.Backups.Restore(ctx, steps(func() {
		if n++; n == 3 { // the learner is there, and some conversations are read
			stop()
		}
	}), in, backup.RestoreBy{})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, o.users(), other.users())
	other.restore(in)
	require.Equal(t, o.records(), other.records())
}
