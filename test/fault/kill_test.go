package fault_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/gen/client"
	"github.com/fluentpro/fluentpro/internal/api/apitest"
	"github.com/fluentpro/fluentpro/internal/devstack"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

// takeoverLimit is what is promised of a reply whose worker was killed.
const takeoverLimit = 15 * time.Second

// bearer is a model whose every attempt at a reply is another text, so that a reply that
// mixes two of them shows. It keeps a log of what it has said.
type bearer struct {
	mu       sync.Mutex
	attempts map[string][]attempt // by the line that is answered
}

type attempt struct {
	at   time.Time
	text string
	sent bool // to the last word
}

// words are in each reply; at their pace it takes about two seconds.
const (
	words = 40
	pace  = 50 * time.Millisecond
)

var lineName = regexp.MustCompile(`line [0-9]+-[0-9]+`)

// ServeHTTP answers a chat completion as the OpenAI protocol has it.
func (b *bearer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	found := lineName.FindAll(body, -1)
	if err != nil || len(found) == 0 || !strings.HasSuffix(r.URL.Path, "/chat/completions") {
		http.Error(w, "not here", http.StatusNotFound)
		return
	}
	line := string(found[len(found)-1])
	b.mu.Lock()
	n := len(b.attempts[line])
	said := fmt.Sprintf("Attempt %d at %s:", n+1, line)
	for i := range words {
		said += fmt.Sprintf(" word%d.%d", n+1, i)
	}
	b.attempts[line] = append(b.attempts[line], attempt{at: time.Now(), text: said})
	b.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	for i, token := range strings.SplitAfter(said, " ") {
		if i > 0 {
			select {
			case <-time.After(pace):
			case <-r.Context().Done():
				return
			}
		}
		chunk, _ := json.Marshal(map[string]any{"id": "c", "object": "chat.completion.chunk", "model": "m",
			"choices": []any{map[string]any{"index": 0, "delta": map[string]any{"content": token}}}})
		if _, err := fmt.Fprintf(w, "data: %s\n\n", chunk); err != nil {
			return
		}
		w.(http.Flusher).Flush()
	}
	b.mu.Lock()
	b.attempts[line][n].sent = true
	b.mu.Unlock()
	_, _ = io.WriteString(w, `data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\n"+
		`data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":45,"total_tokens":145}}`+"\n\ndata: [DONE]\n\n")
}

// of gives the attempts at a line.
func (b *bearer) of(line string) []attempt {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.attempts[line])
}

// slaughter is one run of this fault.
type slaughter struct {
	t        *testing.T
	model    *bearer
	postgres *tap
	redis    *tap
	pool     *pgxpool.Pool
	binary   string
	settings []string
	url      string

	mu      sync.Mutex
	process *exec.Cmd
	output  *bytes.Buffer
	killed  time.Time
	dead    chan struct{} // closed when the process was killed
}

func newSlaughter(t *testing.T) *slaughter {
	t.Helper()
	s := &slaughter{t: t, model: &bearer{attempts: map[string][]attempt{}}}
	database := apitest.Database(t)
	s.pool = postgrestest.Pool(t, database)
	redis, err := devstack.TestRedis()
	require.NoError(t, err)
	var throughPostgres, throughRedis string
	s.postgres, throughPostgres = openTap(t, database, servePostgres)
	s.redis, throughRedis = openTap(t, redis, serveRedis)
	model := httptest.NewServer(s.model)
	t.Cleanup(model.Close)
	s.settings = settingsOf(t, throughPostgres, throughRedis, model.URL)
	address := freeAddress(t)
	s.url, s.settings = "http://"+address, append(s.settings, "FLUENTPRO_HTTP_ADDR="+address)
	s.binary = buildService(t)
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("the last process:\n%s", s.output)
		}
	})
	s.start()
	return s
}

// start runs the service and waits until it is ready.
func (s *slaughter) start() {
	s.t.Helper()
	s.mu.Lock()
	s.process, s.output, s.dead = exec.Command(s.binary, "serve"), &bytes.Buffer{}, make(chan struct{})
	s.process.Env = append(os.Environ(), s.settings...)
	s.process.Stdout, s.process.Stderr = s.output, s.output
	require.NoError(s.t, s.process.Start())
	s.mu.Unlock()
	require.Eventually(s.t, func() bool { return isReady(s.url) }, patience, 10*time.Millisecond, "the service is not ready")
}

// kill ends the process as a power cut does, once.
func (s *slaughter) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.dead:
		return
	default:
	}
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
	s.killed = time.Now()
	close(s.dead)
}

// A stroke says when a process is killed.
type stroke struct {
	name string
	set  func(s *slaughter)
}

// onCommit strikes at the commit of a transaction that a statement is in.
func onCommit(statement string, do verdict) func(*slaughter) {
	return func(s *slaughter) {
		waits := false
		s.postgres.await(func(seen sighting) verdict {
			switch {
			case waits: // its answer has come
				s.kill()
				return strike
			case seen.commits != statement:
				return pass
			case do == strike:
				s.kill()
				return strike
			}
			waits = true
			return answer
		})
	}
}

// onAppend strikes before the nth append of a type of event.
func onAppend(event string, nth int) func(*slaughter) {
	return func(s *slaughter) {
		s.redis.await(func(seen sighting) verdict {
			if !bytes.Contains(seen.command, []byte(`"type":"`+event+`"`)) {
				return pass
			}
			if nth--; nth > 0 {
				return pass
			}
			s.kill()
			return strike
		})
	}
}

// named are the steps at which a process is killed once each.
var named = []stroke{
	{"after the commit of a message", onCommit("SendMessage", answer)},
	{"before the first append of a reply", onAppend("message.started", 3)},
	{"between appends", onAppend("message.delta", 25)},
	{"before the final commit", onCommit("FinishReply", strike)},
	{"before the terminal event", onAppend("message.completed", 2)},
}

// atRandom strikes at a moment while replies are written.
func atRandom(chance *rand.Rand) stroke {
	after := time.Duration(chance.Int63n(int64(2500 * time.Millisecond)))
	return stroke{"after " + after.Round(time.Millisecond).String(), func(s *slaughter) { time.AfterFunc(after, s.kill) }}
}

// spoken is one line and how its reader has read the reply.
type spoken struct {
	line         string
	conversation uuid.UUID
	learner      *journey.Learner
	reply        *journey.Reply
}

// TestKill streams replies and kills the process again and again: each reply must be
// complete, once, as one attempt of the model's, and each reader must hold what is stored.
func TestKill(t *testing.T) {
	t.Parallel()
	seed := time.Now().UnixNano()
	strokes, each := []stroke{named[2], named[3]}, 10
	chance := rand.New(rand.NewSource(seed))
	if *long {
		strokes = slices.Clone(named)
		for len(strokes) < 20 {
			strokes = append(strokes, atRandom(chance))
		}
	} else {
		strokes = append(strokes, atRandom(chance))
	}
	t.Logf("seed %d", seed)
	s := newSlaughter(t)
	var all []*spoken
	var takeovers []time.Duration
	began := time.Now()
	for round, one := range strokes {
		lines := s.prepare(round, each)
		one.set(s)
		var readers sync.WaitGroup
		for _, l := range lines {
			readers.Go(func() { s.read(l) })
		}
		select {
		case <-s.dead:
		case <-time.After(patience):
			require.Fail(t, "it was never killed", one.name)
		}
		s.postgres.await(nil)
		s.redis.await(nil)
		killed := s.killed
		s.start()
		readers.Wait()
		took := s.takeovers(lines, killed)
		t.Logf("%2d: killed %s; %d of %d replies were taken over", round+1, one.name, len(took), each)
		all, takeovers = append(all, lines...), append(takeovers, took...)
	}
	for _, l := range all {
		s.requireOnce(l)
	}
	s.requireChains()
	slices.Sort(takeovers)
	require.NotEmpty(t, takeovers)
	t.Logf("%d replies, %d kills in %s: all complete once; %d taken over, median %s, longest %s", len(all), len(strokes),
		time.Since(began).Round(time.Second), len(takeovers), takeovers[len(takeovers)/2].Round(time.Millisecond), takeovers[len(takeovers)-1].Round(time.Millisecond))
	require.Less(t, takeovers[len(takeovers)-1], takeoverLimit)
}

// prepare makes conversations, one for each line of a round.
func (s *slaughter) prepare(round, lines int) []*spoken {
	s.t.Helper()
	out := make([]*spoken, lines)
	for i := range out {
		l, err := journey.New(s.url, nil)
		require.NoError(s.t, err)
		require.NoError(s.t, l.SignUp(s.t.Context()))
		c, err := l.Converse(s.t.Context(), "suppliers", "negotiations")
		require.NoError(s.t, err)
		out[i] = &spoken{line: fmt.Sprintf("line %d-%d", round, i), conversation: c.ID, learner: l}
	}
	return out
}

// read says the line, and reads the reply through as many processes as it takes.
func (s *slaughter) read(l *spoken) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	reply, err := l.learner.Say(ctx, journey.SayInput{ConversationID: l.conversation, Line: l.line})
	if err != nil {
		s.t.Errorf("%s: %v", l.line, err)
	}
	l.reply = reply
}

// takeovers tells how long it took until another worker began, of replies that were cut off.
func (s *slaughter) takeovers(lines []*spoken, killed time.Time) (took []time.Duration) {
	for _, l := range lines {
		for _, a := range s.model.of(l.line)[1:] {
			took = append(took, a.at.Sub(killed))
		}
	}
	return took
}

// requireOnce checks a line and its reply in all three places.
func (s *slaughter) requireOnce(l *spoken) {
	s.t.Helper()
	stored, err := l.learner.Messages(s.t.Context(), l.conversation, 100)
	require.NoError(s.t, err)
	require.Len(s.t, stored, 3, "%s: the greeting, the line, the reply", l.line)
	require.Equal(s.t, l.line, stored[1].Content)
	require.Equal(s.t, client.MessageStatusCompleted, stored[2].Status, l.line)
	attempts := s.model.of(l.line)
	require.Condition(s.t, func() bool {
		return slices.ContainsFunc(attempts, func(a attempt) bool { return a.text == stored[2].Content })
	}, "%s: stored is no attempt of the model's: %s", l.line, stored[2].Content)
	require.True(s.t, l.reply.Ended(), l.line)
	require.Equal(s.t, stored[2].Content, l.reply.Final.Content, l.line)
}

// requireChains checks the history of each conversation.
func (s *slaughter) requireChains() {
	s.t.Helper()
	var versions, broken, heads, open int
	require.NoError(s.t, s.pool.QueryRow(s.t.Context(), `
		select count(*), count(*) filter (where v.checksum <> sha256(coalesce(p.checksum, '') || v.entry) or v.version > 1 and p.version is null)
		from conversation_versions v left join conversation_versions p on p.conversation_id = v.conversation_id and p.version = v.version - 1`).
		Scan(&versions, &broken))
	require.NoError(s.t, s.pool.QueryRow(s.t.Context(), `
		select count(*) filter (where v.checksum is null or v.checksum <> c.checksum), count(*) filter (where c.reply_id is not null)
		from conversations c left join conversation_versions v on v.conversation_id = c.id and v.version = c.version`).Scan(&heads, &open))
	require.Equal(s.t, []int{0, 0, 0}, []int{broken, heads, open}, "broken chains, heads, replies in flight; of %d versions", versions)
}
