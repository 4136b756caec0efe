package learning_test

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/learning"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

var errNoTalk = fault.New(fault.NotFound, "resource.not_found", "There is no such conversation.")

// talk is one conversation of Mei's.
type talk struct {
	learning.Talk
	lines []learning.Line
}

// talks are Mei's conversations.
type talks map[uuid.UUID]*talk

func (ts talks) Talk(_ context.Context, user, id uuid.UUID) (learning.Talk, error) {
	if found, ok := ts[id]; ok && user == mei {
		return found.Talk, nil
	}
	return learning.Talk{}, errNoTalk
}

func (ts talks) Lines(_ context.Context, user, id uuid.UUID, after, limit int) ([]learning.Line, bool, error) {
	found, ok := ts[id]
	if !ok || user != mei {
		return nil, false, errNoTalk
	}
	if limit > 100 {
		return nil, false, fault.New(fault.Unprocessable, "test.page_too_large", "A page has 100 lines at most.")
	}
	left := found.lines[min(after, len(found.lines)):]
	return left[:min(limit, len(left))], len(left) > limit, nil
}

// said makes lines of texts: the partner begins, and both take turns, half a minute
// apart. Each message's id is its seq.
func said(texts ...string) []learning.Line {
	var out []learning.Line
	for i, text := range texts {
		at := now.Add(time.Duration(i) * 30 * time.Second)
		out = append(out, learning.Line{MessageID: messageID(i + 1), Seq: i + 1, Learner: i%2 == 1, Text: text, BeganAt: at, EndedAt: at.Add(time.Second)})
	}
	return out
}

func messageID(seq int) uuid.UUID {
	id := uuid.MustParse("01900000-0000-7000-9000-000000000000")
	id[14], id[15] = byte(seq>>8), byte(seq)
	return id
}

// aTalk is a finished conversation that the examples of these tests quote.
func aTalk() []learning.Line {
	return said(
		"Good morning, Mei. What can I do for you?",
		"good morning,  we have a problem with the rates.\nCould you explain the surcharge?",
		"Of course. Fuel has become more expensive.",
		"I understand, but our customers cannot pay so much, because they have fixed prices until summer.",
		"Then let us find a solution.",
		"Yes, please.",
	)
}

// hold stores a conversation of Mei's with these lines, finished in version 7.
func (b *bench) hold(lines []learning.Line) uuid.UUID {
	b.t.Helper()
	id := uuid.Must(uuid.NewV7())
	for _, statement := range []string{
		"insert into partners values ('suppliers', 0, 'external', '{}', '{}', '', '') on conflict do nothing",
		"insert into situations values ('negotiations', 0, '{}', '{}', '', '') on conflict do nothing",
	} {
		_, err := b.pool.Exec(b.t.Context(), statement)
		require.NoError(b.t, err)
	}
	_, err := b.pool.Exec(b.t.Context(), `insert into conversations (id, user_id, partner_id, situation_id, title, status, version, tags, context,
		metadata, message_count, last_seq, created_at, updated_at, last_activity_at, checksum)
		values ($1, $2, 'suppliers', 'negotiations', 'x', 'completed', 7, '{}', '{}', '{}', 1, 1, now(), now(), now(), '')`, id, mei)
	require.NoError(b.t, err)
	b.talks[id] = &talk{learning.Talk{Finished: true, Version: 7, Partner: "Suppliers", Situation: "Negotiations"}, lines}
	return id
}

func feedbackOn(id uuid.UUID) learning.FeedbackInput {
	return learning.FeedbackInput{Format: 1, UserID: mei, ConversationID: id}
}

// feedback writes feedback on a conversation of Mei's and reads it.
func (b *bench) feedback(id uuid.UUID) learning.Feedback {
	b.t.Helper()
	progress := &steps{}
	written, err := b.WriteFeedback(b.t.Context(), progress, uuid.New(), feedbackOn(id))
	require.NoError(b.t, err)
	require.Equal(b.t, &steps{total: 4, done: 4}, progress)
	f, err := b.Feedback(b.t.Context(), mei, id)
	require.NoError(b.t, err)
	require.Equal(b.t, &learning.FeedbackWritten{FeedbackID: f.ID, Source: f.Source}, written)
	return f
}

// Background is what a profile says of its learner.
func (p profiles) Background(_ context.Context, user uuid.UUID) (learning.Background, error) {
	found := p[user]
	return learning.Background{Language: found.Language, Industry: found.Industry.Name, Role: found.Role}, nil
}

// begun takes what the service wants started.
type begun struct {
	tasks map[uuid.UUID]learning.FeedbackInput
	jobs  []job.Args
}

func (b *begun) StartFeedback(_ context.Context, id uuid.UUID, in learning.FeedbackInput) error {
	if b.tasks == nil {
		b.tasks = map[uuid.UUID]learning.FeedbackInput{}
	}
	b.tasks[id] = in
	return nil
}

func (b *begun) Insert(_ context.Context, _ postgres.Tx, args job.Args) error {
	b.jobs = append(b.jobs, args)
	return nil
}

// remarks is an answer that keeps every rule for aTalk.
func remarks(changes ...func(object)) string {
	answer := object{
		"scores": object{
			"overall_proficiency": 3, "industry_standard": 4, "range_of_language": 2, "accuracy": 3, "discourse_management": 5, "interactive_communication": 0,
		},
		"strengths": []any{
			object{"text": "You gave a reason (理由).", "quote": "because they have fixed prices"},
			object{"text": "You stayed polite (礼貌).", "quote": ""},
		},
		"suggestions": []any{
			object{"criterion": "accuracy", "text": "Begin with a capital letter (大写).", "quote": "good morning", "improved": "Good morning"},
			object{"criterion": "discourse_management", "text": "Say more (多说).", "quote": "Yes, please.", "improved": ""},
		},
	}
	for _, change := range changes {
		change(answer)
	}
	text, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	return string(text)
}
