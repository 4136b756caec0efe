package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/browse"
	"github.com/fluentpro/fluentpro/internal/conversation/drill"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
	"github.com/fluentpro/fluentpro/internal/devstack/partner"
)

// desk is a service with a learner who has talked, and the commands of an operator beside it.
type desk struct {
	*apitest.Server
	t       *testing.T
	learner *apitest.Learner
	talk    apiv2.Conversation
}

func newDesk(t *testing.T) *desk {
	s := apitest.New(t)
	t.Setenv("FLUENTPRO_DATABASE_URL", s.Config.DatabaseURL.Reveal())
	t.Setenv("FLUENTPRO_REDIS_URL", s.Config.RedisURL.Reveal())
	d := &desk{Server: s, t: t, learner: s.SignUp(t)}
	d.talk = d.learner.Talk(t)
	d.say("The crates stay in Rotterdam.", "For how long?")
	d.say("Until the spring.", "Then it is agreed.")
	return d
}

// say is heard and answered.
func (d *desk) say(words, reply string) {
	d.t.Helper()
	d.Model.Script(partner.Step{Text: reply})
	d.learner.Do(d.t, apitest.Call{
		Method: http.MethodPost, Path: fmt.Sprintf("/conversations/%s/messages", d.talk.ID), Body: map[string]any{"content": words}, Header: map[string]string{"Prefer": "wait=20"},
	}).Expect(d.t, http.StatusCreated, nil)
}

func (d *desk) exec(sql string, args ...any) {
	d.t.Helper()
	_, err := d.Pool(d.t).Exec(d.t.Context(), sql, args...)
	require.NoError(d.t, err)
}

// state runs a command and expects its exit code.
func (d *desk) state(code int, line string) string {
	d.t.Helper()
	line = strings.NewReplacer("CONVERSATION", d.talk.ID.String(), "LEARNER", string(d.learner.User.Email)).Replace(line)
	out, err := command(d.t, append([]string{"state"}, strings.Fields(line)...)...)
	require.Equal(d.t, code, report(err, io.Discard), "%s: %v\n%s", line, err, out)
	return out
}

// read decodes what a command tells programs.
func read[T any](d *desk, code int, line string) (out T) {
	d.t.Helper()
	require.NoError(d.t, json.Unmarshal([]byte(d.state(code, line+" -o json")), &out), line)
	return out
}

// said is what the learner sees.
func (d *desk) said() (out []string) {
	d.t.Helper()
	var page apiv2.MessagePage
	d.learner.Get(d.t, "/conversations/%s/messages", d.talk.ID).Expect(d.t, http.StatusOK, &page)
	for _, m := range page.Data {
		out = append(out, m.Content)
	}
	return out
}

// The runbook of docs/state.md: "my chat is missing a line".
func TestAMissingLineIsFoundAndBroughtBack(t *testing.T) {
	d := newDesk(t)
	whole := d.said()
	d.exec("delete from messages where conversation_id = $1 and content like '%Rotterdam%'", d.talk.ID)

	found := words(t, d.state(0, "search Rotterdam --user LEARNER"), d.talk.ID.String())
	require.Equal(t, []string{"2", "add_message"}, found[1:3])
	require.Equal(t, "no", found[5], "it is written, and not shown")
	require.Contains(t, d.state(exitDamaged, "diff CONVERSATION"), "-The crates stay in Rotterdam.")
	require.Contains(t, d.state(exitDamaged, "rollback CONVERSATION"), "Nothing was changed. With --write, version 6 will have the newest content")
	require.NotEqual(t, whole, d.said())
	require.Contains(t, d.state(0, "rollback CONVERSATION --write --operator mei.chen"), "all of it can be made good")
	require.Equal(t, whole, d.said())
	require.Contains(t, d.state(0, "verify CONVERSATION"), "0 findings in 1 conversations with 6 versions")

	require.Eventually(t, func() bool {
		var operator string
		err := d.Pool(t).QueryRow(t.Context(), "select data->>'operator' from audit_events where type = 'conversation.recovered'").Scan(&operator)
		return err == nil && operator == "mei.chen"
	}, 20*time.Second, 20*time.Millisecond, "the audit log knows who did it")
	require.Equal(t, "There are none.\n", d.state(0, "list --damaged"))
}

// The runbook of docs/state.md: "a chat will not open".
func TestAChatThatDoesNotOpenIsInspectedAndOpens(t *testing.T) {
	d := newDesk(t)
	whole := d.said()
	d.exec(`update conversations set context = '"broken"' where id = $1`, d.talk.ID)
	d.learner.Get(t, "/conversations/%s", d.talk.ID).Refused(t, http.StatusInternalServerError, "server.internal")

	require.Contains(t, d.state(0, "list --user LEARNER"), d.talk.ID.String())
	shown := d.state(exitDamaged, "show CONVERSATION")
	require.Contains(t, shown, "head.state")
	require.Contains(t, shown, "What would make it good: fluentpro state rollback "+d.talk.ID.String())
	d.state(exitDamaged, "rollback CONVERSATION")
	d.state(0, "rollback CONVERSATION --write --operator mei.chen")
	d.learner.Get(t, "/conversations/%s", d.talk.ID).Expect(t, http.StatusOK, nil)
	require.Equal(t, whole, d.said())
	require.Equal(t, 100, read[inspection](d, 0, "show CONVERSATION").Health.Score)
}

func TestStateCommandsTellPeopleAndPrograms(t *testing.T) {
	d := newDesk(t)
	require.Contains(t, d.state(0, "messages CONVERSATION"), "2 user (completed)")
	require.NotContains(t, d.state(0, "messages CONVERSATION --version 3"), "spring")
	require.Contains(t, d.state(0, "diff CONVERSATION 3"), "+Until the spring.")
	require.Contains(t, d.state(0, "diff CONVERSATION 3 1"), "-The crates stay in Rotterdam.")
	require.Equal(t, "There is no difference.\n", d.state(0, "diff CONVERSATION"))
	require.Contains(t, d.state(exitDamaged, "rollback CONVERSATION --to 3"), "will have the content of version 3")
	d.state(0, "rollback CONVERSATION --to 3 --write --operator mei.chen")
	require.Len(t, d.said(), 3)
	require.Len(t, read[[]record.Message](d, 0, "messages CONVERSATION"), 3)
	require.Len(t, read[[]record.Message](d, 0, "messages CONVERSATION --hidden"), 5)

	require.Contains(t, d.state(0, "versions CONVERSATION"), "✚─╮ 6")
	require.Contains(t, d.state(0, "versions CONVERSATION --graph dot"), "v6 -> v3 [style=dashed")
	require.NoError(t, xml.Unmarshal([]byte(d.state(0, "versions CONVERSATION --graph svg")), new(any)))
	steps := read[[]record.Step](d, 0, "versions CONVERSATION")
	require.Equal(t, "mei.chen", steps[0].Operator)

	var one map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(d.state(0, "show CONVERSATION -o yaml")), &one))
	require.Equal(t, d.talk.ID.String(), one["conversation"].(map[string]any)["id"])
	lines := strings.Split(strings.TrimSpace(d.state(0, "list -o ndjson")), "\n")
	require.Len(t, lines, 1)
	require.True(t, json.Valid([]byte(lines[0])))
	require.Equal(t, "[]\n", d.state(0, "health -o json"))
	stats := read[map[string]any](d, 0, "stats")
	require.EqualValues(t, 6, stats["versions"])
	require.Contains(t, d.state(0, "stats"), "newest version")
	require.EqualValues(t, 1, read[map[string]any](d, 0, "verify --all")["conversations"])

	file := filepath.Join(t.TempDir(), "talk.ndjson")
	require.Empty(t, d.state(0, "export --user LEARNER --file "+file))
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var kept record.Record
	require.NoError(t, json.Unmarshal(text, &kept))
	require.Empty(t, kept.Verify(time.Now()))
	require.Equal(t, string(text), d.state(0, "export CONVERSATION"))
	d.state(1, "export CONVERSATION --file "+file)
	require.Equal(t, "unchanged", words(t, d.state(0, "import "+file), d.talk.ID.String())[1])
	d.exec("update messages set content = 'Altered.' where conversation_id = $1", d.talk.ID)
	require.Equal(t, "recovered", words(t, d.state(exitDamaged, "import "+file), d.talk.ID.String())[1])
	require.Equal(t, "recovered", words(t, d.state(0, "import --write --operator mei.chen "+file), d.talk.ID.String())[1])
	d.state(0, "verify --all")
	d.state(1, "import "+file+".none")
	broken := filepath.Join(t.TempDir(), "broken.ndjson")
	require.NoError(t, os.WriteFile(broken, text[:len(text)/2], 0o600))
	d.state(1, "import "+broken)

	d.exec("update messages set content = $2 where conversation_id = $1 and seq = 2", d.talk.ID, "red \x1b[31m\u202e")
	require.Contains(t, d.state(0, "messages CONVERSATION"), "red \uFFFD[31m\uFFFD", "what a learner says does not steer a terminal")
	require.Contains(t, d.state(exitDamaged, "verify --all -o ndjson"), `"rule":"message.content"`)
}

func TestStateCommandsRefuseWhatTheyCannotDo(t *testing.T) {
	d := newDesk(t)
	none := uuid.NewString()
	for line, code := range map[string]int{
		"show " + none: exitAbsent, "messages " + none: exitAbsent, "rollback " + none: exitAbsent, "verify " + none: exitAbsent, "export " + none: exitAbsent,
		"list --user nobody@example.com": exitAbsent, "search Antwerp --user LEARNER": exitAbsent,
		"show x": 1, "list --limit 0": 1, "list -o xml": 1, "versions CONVERSATION --graph png": 1, "diff CONVERSATION 0": 1, "diff CONVERSATION 99": 1,
		"rollback CONVERSATION --to 99": 1, "rollback CONVERSATION --write --operator Mei": 1, "export": 1, "export CONVERSATION --user LEARNER": 1,
		"verify CONVERSATION --all": 1, "search ab --user LEARNER": 1, "search Rotterdam": 1, "browse": 1, "verify x": 1,
	} {
		d.state(code, line)
	}
	t.Setenv("FLUENTPRO_REDIS_URL", "")
	out, err := command(t, "state", "rollback", d.talk.ID.String(), "--write", "--operator", "mei.chen")
	require.ErrorContains(t, err, "FLUENTPRO_REDIS_URL", out)
	_, err = command(t, "state", "messages", d.talk.ID.String(), "--watch")
	require.ErrorContains(t, err, "FLUENTPRO_REDIS_URL")
}

func TestADiffOfWhatCannotBeToldSaysWhere(t *testing.T) {
	d := newDesk(t)
	d.exec("delete from conversation_texts where conversation_id = $1 and version = 2", d.talk.ID)
	_, err := command(t, "state", "messages", d.talk.ID.String(), "--version", "3")
	require.ErrorContains(t, err, "version 2")
	require.Equal(t, exitDamaged, report(err, io.Discard))
	require.Contains(t, d.state(exitLost, "rollback CONVERSATION"), "lost")
}

func TestAConversationIsFollowedLive(t *testing.T) {
	d := newDesk(t)
	out, stop := watching(t, "state", "messages", d.talk.ID.String(), "--watch")
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "conversation.updated (version 5)") }, 20*time.Second, 10*time.Millisecond)
	d.say("One more thing.", "I am listening to you.")
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "the reply is completed") }, 20*time.Second, 10*time.Millisecond, out.String())
	require.Contains(t, out.String(), "6 user\nOne more thing.\n")
	require.Contains(t, out.String(), "I am listening to you.")
	require.NoError(t, stop())
}

func TestConversationsAreBrowsed(t *testing.T) {
	d := newDesk(t)
	cfg, logger, err := databaseSettings()
	require.NoError(t, err)
	at, err := app.OpenDesk(t.Context(), cfg, logger)
	require.NoError(t, err)
	defer at.Close()
	keys, typed := io.Pipe()
	out, done := &syncBuffer{}, make(chan error, 1)
	go func() {
		done <- browse.Run(t.Context(), browse.Config{Source: at.Conversations, In: keys, Out: out, Width: 120, Height: 30})
	}()
	before := 0
	// press types a key, and waits for what the screen has shown since the last one.
	press := func(key, shown string) {
		t.Helper()
		if key != "" {
			before = len(out.String())
		}
		_, err := io.WriteString(typed, key)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return strings.Contains(out.String()[before:], shown) }, 20*time.Second, 10*time.Millisecond,
			"after %q: %q", key, shown)
	}
	press("", d.talk.ID.String())
	press("w", "There are none.")
	press("n", "5 messages")
	press("\r", "complete_reply")
	press("2", "The crates stay in Rotterdam.")
	d.say("And now?", "We shall see about that.")
	press("", "We shall see about that.")
	press("3", "+We shall see about that.")
	press("4", "100 of 100")
	press("1", "add_message")
	for _, key := range []string{"j", "k", "G", "g", " ", "x"} {
		press(key, "")
	}
	press("j", "")
	press("b", "compared with version")
	press("G", "")
	press("3", "")
	for _, key := range []string{"j", "k", "G", "g", " ", "r"} {
		press(key, "")
	}
	press("\t", "")
	press("\t", "")
	press("\x7f", "")
	for _, key := range []string{"j", "k", "G", "g"} {
		press(key, "")
	}
	press("q", "")
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(20 * time.Second):
		require.Fail(t, "it is not left")
	}
}

// watching runs a command until stop is called.
func watching(t *testing.T, args ...string) (out *syncBuffer, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, done := &syncBuffer{}, make(chan error, 1)
	cmd := root()
	cmd.SetArgs(args)
	cmd.SetOut(out)
	go func() { done <- cmd.ExecuteContext(ctx) }()
	return out, func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(20 * time.Second):
			return errors.New("it does not stop")
		}
	}
}

func TestEverythingThatADrillBreaksIsFoundAndHealedOrNamed(t *testing.T) {
	d := newDesk(t)
	whole := d.said()
	results := read[[]drill.Result](d, 0, "drill --user LEARNER --write --operator mei.chen")
	require.Len(t, results, 2*len(drill.Breakages)+3)
	lost := 0
	for _, r := range results {
		require.Empty(t, r.Problem, r.What)
		require.NotEmpty(t, r.Found, r.What)
		lost += r.Lost
	}
	require.Equal(t, []string{"backup.damaged"}, results[len(results)-1].Found)
	require.Positive(t, lost, "what is beyond recovery is named")
	require.Equal(t, whole, d.said(), "nothing else was broken")
	require.Len(t, read[[]map[string]any](d, 0, "list"), 1, "the drill leaves no conversation")
	d.state(1, "drill --user LEARNER")
	t.Setenv("FLUENTPRO_ENV", "production")
	d.state(1, "drill --user LEARNER --write --operator mei.chen")
}
