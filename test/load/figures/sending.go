package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

// How many lines are said in one round, and how many replies are held.
const (
	writes     = 1000
	heldAtOnce = 700 // more than a node writes at once
)

// line is what is said; about 100 characters.
const line = "At the moment you ask USD 2,450 for one container. We could pay USD 2,150 if we commit to 60 a month."

// cpuOfSending measures createMessage, each in a conversation of its own: first
// with its reply, then alone, while the model holds every reply that the node
// writes at once and the others wait their turn.
func (s *stage) cpuOfSending(ctx context.Context) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	node, base, l, err := s.pair(ctx)
	if err != nil {
		return err
	}
	talks, err := s.talks(ctx, node, l, (cpuRounds+1)*writes+heldAtOnce)
	if err != nil {
		return err
	}
	if err := s.script(ctx, modelStep{Text: shortAnswer}, writes); err != nil {
		return err
	}
	whole, err := s.withReply(ctx, talks.take(writes))
	if err != nil {
		return err
	}
	if err := s.holdReplies(ctx, talks.take(heldAtOnce)); err != nil {
		return err
	}
	alone, bareInsert := make([]load, cpuRounds), talks.insert(base)
	for i := range alone {
		alone[i] = talks.take(writes)
	}
	took, err := s.compare(ctx, cpuRounds, func(round int) []load { return []load{bareInsert, alone[round]} })
	if err != nil {
		return err
	}
	if err := s.noneWasAnswered(ctx, cpuRounds*writes); err != nil {
		return err
	}
	how := fmt.Sprintf("as above, over %d requests", writes)
	say("server CPU, bare POST (RS256 check, validate, insert)", microseconds(took[0]), "", how)
	say("server CPU, createMessage 202", microseconds(took[1]), "<= 4 x", how+", while the model holds all replies that a node writes at once")
	say("  over the bare one", fmt.Sprintf("%.2f", ratio(took[1], took[0])), "4", "")
	say("server CPU, createMessage 202 and its reply written", microseconds(whole), "", how+fmt.Sprintf(", one round, until all replies (%q) are stored", shortAnswer))
	return stopBoth(node, base)
}

// talks are conversations that have not been used yet.
type talks struct {
	node    *child
	learner *journey.Learner
	free    []uuid.UUID
}

func (s *stage) talks(ctx context.Context, node *child, l *journey.Learner, n int) (*talks, error) {
	learners := []*journey.Learner{l}
	for len(learners) < clients {
		next, err := l.At(node.url)
		if err != nil {
			return nil, err
		}
		learners = append(learners, next)
	}
	all, err := converse(ctx, learners, n)
	return &talks{node, l, all}, err
}

// body is what createMessage and the baseline are sent.
func (t *talks) body() []byte {
	text, _ := json.Marshal(map[string]string{"content": line}) // strings always marshal
	return text
}

// take makes a load that says the line once in each of n conversations.
func (t *talks) take(n int) load {
	mine := t.free[:n]
	t.free = t.free[n:]
	return load{t.node, n, http.StatusAccepted, func(ctx context.Context, i int) (*http.Request, error) {
		return authorized(ctx, t.learner, http.MethodPost, t.node.url+"/api/v2/conversations/"+mine[i].String()+"/messages", t.body())
	}}
}

// insert makes the same load for the baseline.
func (t *talks) insert(base *child) load {
	return load{base, writes, http.StatusCreated, func(ctx context.Context, _ int) (*http.Request, error) {
		return authorized(ctx, t.learner, http.MethodPost, base.url+"/messages", t.body())
	}}
}

// withReply measures until the last reply is stored.
func (s *stage) withReply(ctx context.Context, l load) (time.Duration, error) {
	before, err := l.server.cpu()
	if err != nil {
		return 0, err
	}
	if _, err := s.perRequest(ctx, l); err != nil {
		return 0, err
	}
	if err := s.untilReplies(ctx, "every reply is written", func(pending, streaming int) bool { return pending+streaming == 0 }); err != nil {
		return 0, err
	}
	after, err := l.server.cpu()
	return (after - before) / time.Duration(l.n), err
}

// holdReplies keeps every place for a reply taken: the model says a word every
// ten seconds and never ends.
func (s *stage) holdReplies(ctx context.Context, l load) error {
	if err := s.script(ctx, modelStep{Text: shortAnswer, TokenDelayMS: 10_000, Endless: true}, l.n); err != nil {
		return err
	}
	if _, err := s.perRequest(ctx, l); err != nil {
		return err
	}
	last, since := -1, time.Now()
	return s.untilReplies(ctx, "no more replies are begun", func(pending, streaming int) bool {
		if streaming != last {
			last, since = streaming, time.Now()
		}
		return pending > 0 && streaming > 0 && time.Since(since) > 2*time.Second
	})
}

// untilReplies waits for a state of the replies that are not done.
func (s *stage) untilReplies(ctx context.Context, what string, reached func(pending, streaming int) bool) error {
	for deadline := time.Now().Add(time.Minute); ; {
		pending, streaming, err := s.replies(ctx)
		if err != nil || reached(pending, streaming) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waiting until %s: %d pending, %d streaming", what, pending, streaming)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// noneWasAnswered proves that what was measured alone was alone.
func (s *stage) noneWasAnswered(ctx context.Context, n int) error {
	pending, _, err := s.replies(ctx)
	if err == nil && pending < n {
		err = fmt.Errorf("of %d replies that should wait, %d do", n, pending)
	}
	return err
}

// replies counts those that are not done.
func (s *stage) replies(ctx context.Context) (pending, streaming int, err error) {
	conn, err := pgx.Connect(ctx, s.database)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = conn.Close(ctx) }() // it was only read from
	err = conn.QueryRow(ctx, `select count(*) filter (where status = 'pending'), count(*) filter (where status = 'streaming')
		from messages where role = 'assistant'`).Scan(&pending, &streaming)
	return pending, streaming, err
}
