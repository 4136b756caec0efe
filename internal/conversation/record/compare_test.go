package record_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/conversation/record"
)

var (
	greeting, question, reply = uuid.UUID{15: 1}, uuid.UUID{15: 2}, uuid.UUID{15: 3}
	nine                      = time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC)
)

// history is a conversation that was begun, spoken in, renamed and taken back to its first
// version.
func history(t *testing.T) *record.Record {
	t.Helper()
	r := &record.Record{Head: record.Head{ID: uuid.UUID{15: 9}, Version: 5}}
	for i, step := range []struct{ operation, change, text string }{
		{"create", fmt.Sprintf(`{"greeting_id": %q, "partner_id": "suppliers"}`, greeting), `{"title": "Secret rates", "tags": [], "greeting": "Hello there"}`},
		{"add_message", fmt.Sprintf(`{"message_id": %q, "reply_id": %q}`, question, reply), `{"content": "Yes"}`},
		{"complete_reply", fmt.Sprintf(`{"message_id": %q, "status": "completed", "finish_reason": "stop", "tokens": 7, "tokens_used": 12}`, reply), `{"content": "Fine by us"}`},
		{"update_metadata", `{}`, `{"title": "Other rates", "tags": ["spring"]}`},
		{"roll_back", `{"restored_version": 1, "message_count": 1}`, `{"title": "Secret rates", "tags": []}`},
	} {
		v := int64(i + 1)
		entry := fmt.Sprintf(`{"at": %q, "change": %s, "operation": %q, "version": %d}`, nine.Format(time.RFC3339), step.change, step.operation, v)
		r.Versions = append(r.Versions, record.Version{ConversationID: r.Head.ID, Version: v, Operation: step.operation, At: nine.Add(time.Duration(i) * time.Minute), Entry: []byte(entry)})
		r.Texts = append(r.Texts, record.Text{ConversationID: r.Head.ID, Version: v, Salt: []byte("salt"), Body: step.text})
	}
	return r
}

func TestVersionsAreComparedWithoutAWord(t *testing.T) {
	t.Parallel()
	r := history(t)
	d, err := r.Compare(1, 4)
	require.NoError(t, err)
	require.Equal(t, []record.FieldChange{
		{Name: "title"}, {Name: "tags"},
		{Name: "tokens_used", Before: new("0"), After: new("12")}, {Name: "message_count", Before: new("1"), After: new("3")},
	}, d.Fields)
	require.Len(t, d.Messages, 2)
	require.Equal(t, record.MessageChange{ID: question, Seq: 2, Role: "user", After: &record.MessageState{
		Since: 2, Status: "completed", Attempt: 1, Bytes: 3, Fingerprint: record.Digest([]byte("salt"), "Yes")[:16],
	}}, d.Messages[0])
	require.Equal(t, reply, d.Messages[1].ID)
	text, err := json.Marshal(d)
	require.NoError(t, err)
	for _, word := range []string{"Secret", "Other", "spring", "Yes", "Fine", "Hello"} {
		require.NotContains(t, string(text), word)
	}

	d, err = r.Compare(2, 3)
	require.NoError(t, err)
	require.Len(t, d.Messages, 1)
	require.Equal(t, []string{"content", "status", "finish_reason", "tokens"}, d.Messages[0].Changed)
	require.Equal(t, "pending", d.Messages[0].Before.Status)
	require.Equal(t, 10, d.Messages[0].After.Bytes)

	d, err = r.Compare(4, 5)
	require.NoError(t, err)
	require.Equal(t, []any{question, reply}, []any{d.Messages[0].ID, d.Messages[1].ID})
	require.Nil(t, d.Messages[0].After, "a step back takes them away")
	d, err = r.Compare(1, 5)
	require.NoError(t, err)
	require.Empty(t, d.Messages)
	require.Equal(t, []record.FieldChange{{Name: "tokens_used", Before: new("0"), After: new("12")}}, d.Fields, "what was used stays used")
}

func TestWhatTheHistoryDoesNotTellIsNamed(t *testing.T) {
	t.Parallel()
	r := history(t)
	r.Messages = []record.Message{{ID: question, Content: "No", Seq: 40}}
	_, err := r.Compare(1, 3)
	require.NoError(t, err, "rows do not matter")

	r.Texts = append(r.Texts[:2:2], r.Texts[3:]...)
	_, err = r.Compare(1, 2)
	require.NoError(t, err, "what was before it is told")
	for _, pair := range [][2]int64{{1, 4}, {4, 1}} {
		_, err = r.Compare(pair[0], pair[1])
		var broken *record.StepError
		require.True(t, errors.As(err, &broken))
		require.Equal(t, int64(3), broken.Version)
	}

	r = history(t)
	for i := range r.Texts {
		r.Texts[i].Salt = nil
	}
	d, err := r.Compare(1, 2)
	require.NoError(t, err)
	require.Empty(t, d.Messages[0].After.Fingerprint, "a hash without a salt could be guessed")
}

func TestAConversationHasItsLostVersionsToo(t *testing.T) {
	t.Parallel()
	has := func(r *record.Record) (out string) {
		for v := range int64(8) {
			out += fmt.Sprint(r.Has(v))[:1]
		}
		return out
	}
	r := history(t)
	require.Equal(t, "ftttttff", has(r))
	r.Versions = r.Versions[:3]
	require.Equal(t, "ftttttff", has(r), "the head says what there was")
	r.Versions = r.Versions[1:]
	require.Equal(t, "ftttttff", has(r), "it was begun once")
	r.Versions[0].Operation = "recover"
	require.Equal(t, "ffttttff", has(r), "an adopted history begins where it begins")
}
