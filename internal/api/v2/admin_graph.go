package v2

import (
	"context"
	"io"
	"net/http"
	"strconv"

	"github.com/oapi-codegen/nullable"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/conversation/graph"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
)

// DrawConversation draws the history of a conversation.
func (s *Server) DrawConversation(ctx context.Context, req apiv2.DrawConversationRequestObject) (apiv2.DrawConversationResponseObject, error) {
	in, err := s.Conversations.Inspect(ctx, req.ConversationID)
	if err != nil {
		return nil, err
	}
	g := graph.Of(&in.Record, in.Findings, in.Forks)
	switch valueOr(req.Params.Format, apiv2.Svg) {
	case apiv2.Dot:
		return drawing{"text/vnd.graphviz", g.DOT()}, nil
	case apiv2.Text:
		return drawing{"text/plain", g.Text()}, nil
	}
	return drawing{"image/svg+xml", g.SVG()}, nil
}

// drawing says its charset, which the answers that are made from the contract leave out: a text
// without one is read as something else.
type drawing struct{ kind, body string }

// VisitDrawConversationResponse writes it.
func (d drawing) VisitDrawConversationResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", d.kind+"; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(d.body)))
	w.WriteHeader(http.StatusOK)
	_, err := io.WriteString(w, d.body)
	return err
}

// maxStoredChanges bounds the messages of one comparison.
const maxStoredChanges = 500

// CompareStoredVersions tells what differs between two versions of anyone's conversation.
func (s *Server) CompareStoredVersions(ctx context.Context, req apiv2.CompareStoredVersionsRequestObject) (apiv2.CompareStoredVersionsResponseObject, error) {
	in := conversation.CompareStoredInput{
		ConversationID: req.ConversationID, Before: valueOr(req.Params.Against, max(req.Version-1, 1)), After: req.Version,
	}
	d, err := s.Conversations.CompareStored(ctx, in)
	if err != nil {
		return nil, err
	}
	out := apiv2.CompareStoredVersions200JSONResponse{
		Version: in.After, Against: in.Before, MessageCount: len(d.Messages),
		Fields: make([]apiv2.StoredFieldChange, 0, len(d.Fields)), Messages: make([]apiv2.StoredMessageChange, 0, len(d.Messages)),
	}
	for _, f := range d.Fields {
		out.Fields = append(out.Fields, apiv2.StoredFieldChange{Name: f.Name, Before: orNull(f.Before), After: orNull(f.After)})
	}
	for _, m := range d.Messages[:min(len(d.Messages), maxStoredChanges)] {
		out.Messages = append(out.Messages, apiv2.StoredMessageChange{
			MessageID: m.ID, Seq: m.Seq, Role: apiv2.MessageRole(m.Role), Changed: append([]string{}, m.Changed...),
			Before: toAPIStored(m.Before), After: toAPIStored(m.After),
		})
	}
	return out, nil
}

func toAPIStored(m *record.MessageState) nullable.Nullable[apiv2.StoredMessageState] {
	if m == nil {
		return nullable.NewNullNullable[apiv2.StoredMessageState]()
	}
	out := apiv2.StoredMessageState{
		Since: m.Since, Status: apiv2.MessageStatus(m.Status), FinishReason: orNull(m.FinishReason), Attempt: m.Attempt, Tokens: orNull(m.Tokens),
		Bytes: m.Bytes, Fingerprint: nullable.NewNullNullable[string](),
	}
	if m.Fingerprint != "" {
		out.Fingerprint.Set(m.Fingerprint)
	}
	return nullable.NewNullableWithValue(out)
}
