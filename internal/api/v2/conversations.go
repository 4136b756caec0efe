package v2

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/oapi-codegen/nullable"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/conversation"
)

// defaultLimit is the contract's page size.
const defaultLimit = 20

// CreateConversation starts a role-play.
func (s *Server) CreateConversation(ctx context.Context, req apiv2.CreateConversationRequestObject) (apiv2.CreateConversationResponseObject, error) {
	b := req.Body
	in := conversation.CreateInput{
		UserID: web.IdentityFrom(ctx).UserID, PartnerID: b.PartnerID, SituationID: b.SituationID,
		Title: valueOr(b.Title, ""), Tags: valueOr(b.Tags, nil), Context: FromAPIContext(b.Context),
		Metadata: valueOr(b.Metadata, nil), TokenLimit: tokenLimit(b.TokenLimit),
		IdempotencyKey: valueOr(req.Params.IdempotencyKey, ""),
	}
	made, err := s.Conversations.Create(ctx, in)
	if err != nil {
		return nil, err
	}
	return apiv2.CreateConversation201JSONResponse{
		Body: ToAPIConversation(made.Conversation),
		Headers: apiv2.CreateConversation201ResponseHeaders{
			ETag: conversationETag(made.Conversation), Location: fmt.Sprintf("%s/conversations/%s", BasePath, made.ID),
			IdempotencyReplayed: replayed(made.Replayed),
		},
	}, nil
}

func tokenLimit(n *int) *int64 {
	if n == nil {
		return nil
	}
	limit := int64(*n)
	return &limit
}

// ListConversations gives one page, newest activity first.
func (s *Server) ListConversations(ctx context.Context, req apiv2.ListConversationsRequestObject) (apiv2.ListConversationsResponseObject, error) {
	in := conversation.ListInput{
		UserID: web.IdentityFrom(ctx).UserID, Tag: req.Params.Tag, Query: req.Params.Q, Limit: valueOr(req.Params.Limit, defaultLimit),
	}
	if req.Params.Status != nil {
		status := string(*req.Params.Status)
		in.Status = &status
	}
	scope := fmt.Sprintf("listConversations/%s/%s/%q", in.UserID, valueOr(in.Status, "*"), valueOr(in.Tag, ""))
	if in.Query != nil {
		scope += fmt.Sprintf("/%q", *in.Query)
	}
	if req.Params.Cursor != nil {
		in.Before = &conversation.Place{}
		if err := s.Cursors.OpenJSON(scope, *req.Params.Cursor, in.Before); err != nil {
			return nil, err
		}
	}
	page, more, err := s.Conversations.List(ctx, in)
	if err != nil {
		return nil, err
	}
	out := apiv2.ListConversations200JSONResponse{Data: make([]apiv2.Conversation, 0, len(page)), NextCursor: nullable.NewNullNullable[string]()}
	for _, c := range page {
		out.Data = append(out.Data, ToAPIConversation(c))
	}
	if more {
		last := page[len(page)-1]
		next, err := s.Cursors.SealJSON(scope, conversation.Place{At: last.LastActivityAt, ID: last.ID})
		if err != nil {
			return nil, err
		}
		out.NextCursor = nullable.NewNullableWithValue(next)
	}
	return out, nil
}

// GetConversation reads one conversation.
func (s *Server) GetConversation(ctx context.Context, req apiv2.GetConversationRequestObject) (apiv2.GetConversationResponseObject, error) {
	c, err := s.Conversations.Get(ctx, web.IdentityFrom(ctx).UserID, req.ConversationID)
	if err != nil {
		return nil, err
	}
	etag := conversationETag(c)
	if web.NotModified(valueOr(req.Params.IfNoneMatch, ""), etag) {
		return apiv2.GetConversation304Response{Headers: apiv2.NotModifiedResponseHeaders{ETag: etag}}, nil
	}
	return apiv2.GetConversation200JSONResponse{
		Body: ToAPIConversation(c), Headers: apiv2.GetConversation200ResponseHeaders{ETag: etag},
	}, nil
}

// UpdateConversation changes a conversation by a merge patch.
func (s *Server) UpdateConversation(ctx context.Context, req apiv2.UpdateConversationRequestObject) (apiv2.UpdateConversationResponseObject, error) {
	body := req.JSONBody
	if body == nil {
		body = req.ApplicationMergePatchPlusJSONBody
	}
	in, err := FromAPIConversationPatch(*body)
	if err != nil {
		return nil, err
	}
	in.UserID, in.ConversationID = web.IdentityFrom(ctx).UserID, req.ConversationID
	in.Matches = matchesConversation(req.Params.IfMatch)
	c, err := s.Conversations.Update(ctx, in)
	if err != nil {
		return nil, err
	}
	return apiv2.UpdateConversation200JSONResponse{
		Body: ToAPIConversation(c), Headers: apiv2.UpdateConversation200ResponseHeaders{ETag: conversationETag(c)},
	}, nil
}

// matchesConversation is the check of If-Match; nil: the client asks for none.
func matchesConversation(wanted *string) func(conversation.Conversation) error {
	if wanted == nil {
		return nil
	}
	return func(c conversation.Conversation) error { return web.CheckMatch(*wanted, conversationETag(c)) }
}

// FromAPIConversationPatch translates a merge patch.
func FromAPIConversationPatch(b apiv2.UpdateConversationRequest) (in conversation.UpdateInput, err error) {
	in.Title, in.Tags, in.Status = b.Title, b.Tags, (*string)(b.Status)
	if b.TokenLimit.IsSpecified() {
		limit := fromNullable(b.TokenLimit)
		in.TokenLimit = &limit
	}
	if b.Context.IsSpecified() {
		if in.Context, err = json.Marshal(b.Context); err != nil {
			return in, fmt.Errorf("read context: %w", err)
		}
	}
	if b.Metadata.IsSpecified() {
		if in.Metadata, err = json.Marshal(b.Metadata); err != nil {
			return in, fmt.Errorf("read metadata: %w", err)
		}
	}
	return in, nil
}

// DeleteConversation removes a conversation for ever.
func (s *Server) DeleteConversation(ctx context.Context, req apiv2.DeleteConversationRequestObject) (apiv2.DeleteConversationResponseObject, error) {
	err := s.Conversations.Delete(ctx, web.IdentityFrom(ctx).UserID, req.ConversationID, matchesConversation(req.Params.IfMatch))
	if err != nil {
		return nil, err
	}
	return apiv2.DeleteConversation204Response{}, nil
}

// ForkConversation makes a conversation of its own from another as of a version.
func (s *Server) ForkConversation(ctx context.Context, req apiv2.ForkConversationRequestObject) (apiv2.ForkConversationResponseObject, error) {
	made, err := s.Conversations.Fork(ctx, conversation.ForkInput{
		UserID: web.IdentityFrom(ctx).UserID, ConversationID: req.ConversationID, Version: req.Body.Version,
		IdempotencyKey: valueOr(req.Params.IdempotencyKey, ""),
	})
	if err != nil {
		return nil, err
	}
	return apiv2.ForkConversation201JSONResponse{
		Body: ToAPIConversation(made.Conversation),
		Headers: apiv2.ForkConversation201ResponseHeaders{
			ETag: conversationETag(made.Conversation), Location: fmt.Sprintf("%s/conversations/%s", BasePath, made.ID),
			IdempotencyReplayed: replayed(made.Replayed),
		},
	}, nil
}

// RollbackConversation gives a conversation the content of an old version.
func (s *Server) RollbackConversation(ctx context.Context, req apiv2.RollbackConversationRequestObject) (apiv2.RollbackConversationResponseObject, error) {
	c, err := s.Conversations.Rollback(ctx, conversation.RollbackInput{
		UserID: web.IdentityFrom(ctx).UserID, ConversationID: req.ConversationID, Version: req.Body.Version,
		Matches: matchesConversation(req.Params.IfMatch),
	})
	if err != nil {
		return nil, err
	}
	return apiv2.RollbackConversation200JSONResponse{
		Body: ToAPIConversation(c), Headers: apiv2.RollbackConversation200ResponseHeaders{ETag: conversationETag(c)},
	}, nil
}
