package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

// How much is backed up: with the greeting, 2.1 million messages.
const (
	backedUp  = 100_000 // conversations
	exchanges = 10      // in each
	owners    = 1_000
)

// backups measures the verification of many conversations, a backup of them, the backup's
// verification, and a restore into an empty database, each in a process of its own, and whether both databases are the same then.
func (s *stage) backups(ctx context.Context) error {
	began := time.Now()
	settings, err := s.fillConversations(ctx)
	if err != nil {
		return err
	}
	say("conversations made for this", fmt.Sprint(backedUp), "", fmt.Sprintf("%d messages each, through the restore of one, with words of their own; %s",
		2*exchanges+1, time.Since(began).Round(time.Second)))
	identity := filepath.Join(s.dir, "identity")
	if err := s.operate(ctx, "verification of the conversations", settings, "state", "verify", "--all"); err != nil {
		return err
	}
	if err := s.operate(ctx, "full backup", settings, "state", "backup", "create", "--full"); err != nil {
		return err
	}
	if err := s.operate(ctx, "increment in which nothing has changed", settings, "state", "backup", "create"); err != nil {
		return err
	}
	if err := s.operate(ctx, "verification of the hash alone", settings, "state", "backup", "verify", "latest"); err != nil {
		return err
	}
	if err := s.operate(ctx, "verification of everything in it", settings, "state", "backup", "verify", "latest", "--identity", identity); err != nil {
		return err
	}
	empty, err := s.another(ctx, "restored")
	if err != nil {
		return err
	}
	into := append(slices.Clone(settings), "FLUENTPRO_DATABASE_URL="+empty)
	if err := s.operate(ctx, "restore into an empty database", into, "state", "restore", "latest", "--all", "--write", "--operator", "figures", "--identity", identity); err != nil {
		return err
	}
	return s.sayEquality(ctx, empty)
}

// operate runs a command and says how long it took, and what memory.
func (s *stage) operate(ctx context.Context, what string, settings []string, arguments ...string) error {
	began := time.Now()
	c, err := s.start(ctx, s.binary, settings, arguments...)
	if err != nil {
		return err
	}
	<-c.done
	took := time.Since(began)
	if !c.cmd.ProcessState.Success() {
		return fmt.Errorf("%s: %s\n%s", what, c.cmd.ProcessState, c.tail())
	}
	peak := ""
	if used, ok := c.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		peak = fmt.Sprintf("%d MiB at most, ", used.Maxrss>>10)
	}
	lines := strings.Split(strings.TrimSpace(c.tail()), "\n")
	say(what, took.Round(100*time.Millisecond).String(), "", fmt.Sprintf("%.0f conversations/s, %s%s of CPU; %s", backedUp/took.Seconds(), peak,
		(c.cmd.ProcessState.UserTime()+c.cmd.ProcessState.SystemTime()).Round(time.Second), lines[len(lines)-1]))
	return nil
}

// sayEquality compares all rows of two databases.
func (s *stage) sayEquality(ctx context.Context, other string) error {
	var rows int64
	for _, table := range []string{"users", "conversations", "conversation_versions", "conversation_texts", "messages", "message_pasts", "conversation_snapshots"} {
		only := ""
		if table == "conversation_versions" { // what is left of deleted conversations, as of rehearsals, does not come back
			only = " where exists (select from conversations c where c.id = t.conversation_id)"
		}
		var sums [2]string
		var n [2]int64
		for i, url := range []string{s.database, other} {
			conn, err := pgx.Connect(ctx, url)
			if err != nil {
				return err
			}
			err = conn.QueryRow(ctx, "select count(*), coalesce(sum(hashtextextended((to_jsonb(t) - 'xact' - 'lease_number')::text, 0)), 0)::text from "+table+" t"+only).Scan(&n[i], &sums[i])
			_ = conn.Close(ctx) // it has one thing to do
			if err != nil {
				return fmt.Errorf("compare %s: %w", table, err)
			}
		}
		if sums[0] != sums[1] || n[0] != n[1] {
			return fmt.Errorf("%s: %d rows are not the same as %d", table, n[1], n[0])
		}
		rows += n[0]
	}
	say("rows that are the same in both databases", fmt.Sprint(rows), "all", "count and sum of a 64-bit hash over every column of each table, but the numbers of the transaction and of the lease that wrote it")
	return nil
}

// fillConversations has one conversation held, and makes many of it. It gives the settings
// that commands need.
func (s *stage) fillConversations(ctx context.Context) ([]string, error) {
	node, _, err := s.serve(ctx)
	if err != nil {
		return nil, err
	}
	id, err := s.converse(ctx, node)
	if err != nil {
		return nil, err
	}
	if err := node.stop(); err != nil {
		return nil, err
	}
	settings := []string{
		"FLUENTPRO_DATABASE_URL=" + s.database, "FLUENTPRO_REDIS_URL=" + s.redis, "FLUENTPRO_KEY_ENCRYPTION_KEY=" + s.masterKey,
		"FLUENTPRO_BLOB_URL=" + filepath.Join(s.dir, "backups"),
	}
	keys, err := s.start(ctx, s.binary, nil, "keys", "backup", filepath.Join(s.dir, "identity"))
	if err != nil {
		return nil, err
	}
	<-keys.done
	settings = append(settings, "FLUENTPRO_BACKUP_RECIPIENT="+strings.TrimSpace(keys.tail()))
	cfg, err := app.FromEnvironment(settings)
	if err != nil {
		return nil, err
	}
	vault, err := app.OpenDesk(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer vault.Close()
	if _, err := vault.Pool.Exec(ctx, `insert into users (id, email, full_name, password_hash, created_at, updated_at)
		select md5(n::text)::uuid, 'learner-' || n || '@figures.test', 'Mei Chen', '', now(), now() from generate_series(1, $1) n`, owners); err != nil {
		return nil, fmt.Errorf("make learners: %w", err)
	}
	one, err := vault.Conversations.Record(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := multiply(ctx, vault, one); err != nil {
		return nil, err
	}
	_, err = vault.Pool.Exec(ctx, "vacuum (analyze)")
	return settings, err
}

func (s *stage) converse(ctx context.Context, node *child) (uuid.UUID, error) {
	all, err := s.learners(ctx, node, 1)
	if err != nil {
		return uuid.Nil, err
	}
	c, err := all[0].Converse(ctx, "suppliers", "negotiations")
	if err != nil {
		return uuid.Nil, err
	}
	for range exchanges {
		if _, err := all[0].Say(ctx, journey.SayInput{ConversationID: c.ID, Line: sentence(60)}); err != nil {
			return uuid.Nil, err
		}
	}
	return c.ID, nil
}

// multiply restores copies of a conversation, each with ids and words of its own.
func multiply(ctx context.Context, vault *app.Desk, one record.Record) error {
	rows, err := vault.Pool.Query(ctx, "select id from users where email like '%@figures.test' order by id")
	if err != nil {
		return err
	}
	users, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return err
	}
	var failed string
	err = vault.Conversations.Restore(ctx, conversation.RestoreInput{}, copies(one, users), func(o conversation.Outcome) {
		if o.Outcome != conversation.Restored {
			failed = fmt.Sprintf("%+v", o)
		}
	})
	if err == nil && failed != "" {
		err = fmt.Errorf("a copy of a conversation was not restored: %s", failed)
	}
	return err
}

func copies(one record.Record, users []uuid.UUID) iter.Seq2[record.Record, error] {
	one.Settle()
	return func(yield func(record.Record, error) bool) {
		for n := range backedUp - 1 {
			if !yield(copyOf(one, users[n%len(users)])) {
				return
			}
		}
	}
}

// copyOf is a conversation that was held in the same way with other words.
func copyOf(one record.Record, user uuid.UUID) (record.Record, error) {
	r, err := renamed(one, user)
	if err != nil {
		return r, err
	}
	words, before := map[int64]string{}, []byte(nil)
	for i := range r.Texts {
		t := &r.Texts[i]
		was := record.Digest(t.Salt, t.Body)
		if err := reword(t, words); err != nil {
			return r, err
		}
		entry := &r.Versions[t.Version-1].Entry
		*entry = []byte(strings.Replace(string(*entry), was, record.Digest(t.Salt, t.Body), 1))
	}
	for i := range r.Versions {
		r.Versions[i].Checksum = record.Sum(before, r.Versions[i].Entry)
		before = r.Versions[i].Checksum
	}
	r.Head.Checksum = before
	for i := range r.Messages {
		r.Messages[i].Content = words[r.Messages[i].Version]
	}
	if found := r.Verify(time.Now()); len(found) > 0 {
		return r, fmt.Errorf("a copy of a conversation does not hold: %+v", found[0])
	}
	return r, nil
}

// renamed is a copy with other ids.
func renamed(one record.Record, user uuid.UUID) (r record.Record, err error) {
	text, err := json.Marshal(one)
	if err != nil {
		return r, err
	}
	ids := []string{one.Head.UserID.String(), user.String(), one.Head.ID.String(), uuid.Must(uuid.NewV7()).String()}
	for _, m := range one.Messages {
		ids = append(ids, m.ID.String(), uuid.Must(uuid.NewV7()).String())
	}
	names := strings.NewReplacer(ids...)
	if err := json.Unmarshal([]byte(names.Replace(string(text))), &r); err != nil {
		return r, err
	}
	for i := range r.Versions { // bytes are in base64 there
		r.Versions[i].Entry = []byte(names.Replace(string(r.Versions[i].Entry)))
	}
	return r, nil
}

// reword gives a text other words of the same length, under another salt, and keeps what was said.
func reword(t *record.Text, words map[int64]string) error {
	var body map[string]any
	if err := json.Unmarshal([]byte(t.Body), &body); err != nil {
		return err
	}
	for _, name := range []string{"content", "greeting"} {
		if old, ok := body[name].(string); ok {
			body[name] = sentence(len(old))
			words[t.Version] = body[name].(string) //nolint:forcetypeassert // it was put there
		}
	}
	for i := range t.Salt {
		t.Salt[i] = byte(rand.Uint32()) //nolint:gosec // nothing is to be kept secret
	}
	text, err := json.Marshal(body)
	t.Body = string(text)
	return err
}

// vocabulary is what sentences are made of.
var vocabulary = strings.Fields(`we can offer ten percent if the order is larger than last year our supplier raised prices in march and
	the delivery takes six weeks would you consider a longer contract please send me your figures before friday I am afraid that is not
	possible let us talk about quality first how many units do you need each month that sounds reasonable to us thank you very much`)

// sentence is a text of some length, in words by chance.
func sentence(n int) string {
	var out strings.Builder
	for out.Len() < n {
		out.WriteString(vocabulary[rand.IntN(len(vocabulary))]) //nolint:gosec // by chance is enough
		out.WriteByte(' ')
	}
	return out.String()[:max(n, 1)]
}
