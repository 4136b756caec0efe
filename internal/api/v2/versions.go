package v2

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"

	"github.com/oapi-codegen/nullable"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/conversation"
)

// ListVersions gives one page of a conversation's history, the newest first.
func (s *Server) ListVersions(ctx context.Context, req apiv2.ListVersionsRequestObject) (apiv2.ListVersionsResponseObject, error) {
	in := conversation.VersionsInput{
		UserID: web.IdentityFrom(ctx).UserID, ConversationID: req.ConversationID, Limit: valueOr(req.Params.Limit, defaultLimit),
	}
	scope := fmt.Sprintf("listVersions/%s", in.ConversationID)
	if req.Params.Cursor != nil {
		in.Before = new(int64)
		if err := s.Cursors.OpenJSON(scope, *req.Params.Cursor, in.Before); err != nil {
			return nil, err
		}
	}
	page, more, err := s.Conversations.Versions(ctx, in)
	if err != nil {
		return nil, err
	}
	out := apiv2.ListVersions200JSONResponse{Data: make([]apiv2.Version, 0, len(page)), NextCursor: nullable.NewNullNullable[string]()}
	for _, v := range page {
		out.Data = append(out.Data, ToAPIVersion(v))
	}
	if more {
		next, err := s.Cursors.SealJSON(scope, page[len(page)-1].Version)
		if err != nil {
			return nil, err
		}
		out.NextCursor = nullable.NewNullableWithValue(next)
	}
	return out, nil
}

// GetVersion gives a conversation as of a version.
func (s *Server) GetVersion(ctx context.Context, req apiv2.GetVersionRequestObject) (apiv2.GetVersionResponseObject, error) {
	in := conversation.StateInput{
		UserID: web.IdentityFrom(ctx).UserID, ConversationID: req.ConversationID, Version: req.Version,
		Limit: valueOr(req.Params.Limit, conversation.MaxStateMessages),
	}
	scope := fmt.Sprintf("getVersion/%s/%d", in.ConversationID, in.Version)
	if req.Params.Cursor != nil {
		if err := s.Cursors.OpenJSON(scope, *req.Params.Cursor, &in.AfterSeq); err != nil {
			return nil, err
		}
	}
	state, err := s.Conversations.State(ctx, in)
	if err != nil {
		return nil, err
	}
	etag := conversationETag(state.Conversation)
	if web.NotModified(valueOr(req.Params.IfNoneMatch, ""), etag) {
		return apiv2.GetVersion304Response{Headers: apiv2.NotModifiedResponseHeaders{ETag: etag}}, nil
	}
	body := ToAPIVersionState(state)
	if state.More {
		next, err := s.Cursors.SealJSON(scope, state.Messages[len(state.Messages)-1].Seq)
		if err != nil {
			return nil, err
		}
		body.NextCursor = nullable.NewNullableWithValue(next)
	}
	return apiv2.GetVersion200JSONResponse{Body: body, Headers: apiv2.GetVersion200ResponseHeaders{ETag: etag}}, nil
}

// ToAPIVersionState translates a conversation as of a version.
func ToAPIVersionState(s conversation.State) apiv2.VersionState {
	v := ToAPIVersion(s.Version)
	out := apiv2.VersionState{
		Version: v.Version, Parent: v.Parent, Operation: v.Operation, ActorID: v.ActorID, At: v.At, Change: v.Change, Checksum: v.Checksum,
		Conversation: ToAPIConversation(s.Conversation), Messages: make([]apiv2.Message, 0, len(s.Messages)),
		NextCursor: nullable.NewNullNullable[string](),
	}
	for _, m := range s.Messages {
		out.Messages = append(out.Messages, ToAPIMessage(m))
	}
	return out
}

// ToAPIVersion translates a version.
func ToAPIVersion(v conversation.Version) apiv2.Version {
	return apiv2.Version{
		Version: v.Version, Parent: orNull(v.Parent), Operation: apiv2.VersionOperation(v.Operation), ActorID: orNull(v.ActorID),
		At: v.At, Change: toAPIChange(v.Change), Checksum: hex.EncodeToString(v.Checksum),
	}
}

// textHash is the member of a change that is typed in the contract.
const textHash = "text_sha256"

func toAPIChange(change map[string]any) apiv2.VersionChange {
	out := apiv2.VersionChange{AdditionalProperties: maps.Clone(change)}
	if hash, ok := change[textHash].(string); ok {
		out.TextSha256 = &hash
		delete(out.AdditionalProperties, textHash)
	}
	return out
}
