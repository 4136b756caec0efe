package v2

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/conversation"
)

// CreateMessage stores what the learner says and answers in the form asked for:
// a stream, the finished reply, or the pending one.
func (s *Server) CreateMessage(ctx context.Context, req apiv2.CreateMessageRequestObject) (apiv2.CreateMessageResponseObject, error) {
	user := web.IdentityFrom(ctx).UserID
	sent, err := s.Conversations.Send(ctx, conversation.SendInput{
		UserID: user, ConversationID: req.ConversationID, Content: req.Body.Content,
		Metadata: valueOr(req.Body.Metadata, nil), IdempotencyKey: valueOr(req.Params.IdempotencyKey, ""),
	})
	if err != nil {
		return nil, err
	}
	location := fmt.Sprintf("%s/conversations/%s/messages/%s", BasePath, req.ConversationID, sent.Reply.ID)
	if valueOr(req.Body.Stream, false) {
		return s.streamSent(ctx, user, sent, location)
	}
	if wait := preferredWait(valueOr(req.Params.Prefer, "")); wait > 0 {
		reply, done, err := s.awaitReply(ctx, user, sent.Reply, wait)
		if err != nil {
			return nil, err
		}
		if done {
			return apiv2.CreateMessage201JSONResponse{
				Body: apiv2.CreateMessageResult{Message: ToAPIMessage(sent.Message), Reply: ToAPIMessage(reply)},
				Headers: apiv2.CreateMessage201ResponseHeaders{Location: location,
					PreferenceApplied: preferenceApplied(wait), IdempotencyReplayed: replayed(sent.Replayed)},
			}, nil
		}
	}
	return apiv2.CreateMessage202JSONResponse{
		Body:    apiv2.CreateMessageResult{Message: ToAPIMessage(sent.Message), Reply: ToAPIMessage(sent.Reply)},
		Headers: apiv2.CreateMessage202ResponseHeaders{Location: location, IdempotencyReplayed: replayed(sent.Replayed)},
	}, nil
}

// awaitReply follows the reply until it ends or the time is over.
func (s *Server) awaitReply(ctx context.Context, user uuid.UUID, reply conversation.Message, wait time.Duration) (conversation.Message, bool, error) {
	feed, _, err := s.Conversations.Follow(ctx, conversation.FollowInput{
		UserID: user, ConversationID: reply.ConversationID, MessageID: reply.ID,
	})
	if err != nil {
		return reply, false, err
	}
	defer feed.Close()
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		events, err := feed.Next(waiting)
		if err != nil {
			// Not done in time, or the reader's trouble: the message is stored either way.
			return reply, false, nil
		}
		if last := events[len(events)-1]; last.Terminal() {
			return *last.Message, true, nil
		}
	}
}

// ListMessages gives one page in the order said, or the reverse.
func (s *Server) ListMessages(ctx context.Context, req apiv2.ListMessagesRequestObject) (apiv2.ListMessagesResponseObject, error) {
	order := valueOr(req.Params.Order, apiv2.Asc)
	in := conversation.MessagesInput{
		UserID: web.IdentityFrom(ctx).UserID, ConversationID: req.ConversationID,
		Descending: order == apiv2.Desc, Limit: valueOr(req.Params.Limit, defaultLimit),
	}
	scope := fmt.Sprintf("listMessages/%s/%s", in.ConversationID, order)
	if req.Params.Cursor != nil {
		in.After = new(int)
		if err := s.Cursors.OpenJSON(scope, *req.Params.Cursor, in.After); err != nil {
			return nil, err
		}
	}
	page, more, err := s.Conversations.Messages(ctx, in)
	if err != nil {
		return nil, err
	}
	out := apiv2.ListMessages200JSONResponse{Data: make([]apiv2.Message, 0, len(page)), NextCursor: nullable.NewNullNullable[string]()}
	for _, m := range page {
		out.Data = append(out.Data, ToAPIMessage(m))
	}
	if more {
		next, err := s.Cursors.SealJSON(scope, page[len(page)-1].Seq)
		if err != nil {
			return nil, err
		}
		out.NextCursor = nullable.NewNullableWithValue(next)
	}
	return out, nil
}

// GetMessage reads one message.
func (s *Server) GetMessage(ctx context.Context, req apiv2.GetMessageRequestObject) (apiv2.GetMessageResponseObject, error) {
	m, err := s.Conversations.Message(ctx, web.IdentityFrom(ctx).UserID, req.ConversationID, req.MessageID)
	if err != nil {
		return nil, err
	}
	etag := messageETag(m)
	if web.NotModified(valueOr(req.Params.IfNoneMatch, ""), etag) {
		return apiv2.GetMessage304Response{Headers: apiv2.NotModifiedResponseHeaders{ETag: etag}}, nil
	}
	return apiv2.GetMessage200JSONResponse{Body: ToAPIMessage(m), Headers: apiv2.GetMessage200ResponseHeaders{ETag: etag}}, nil
}

// CancelMessage ends a reply under way.
func (s *Server) CancelMessage(ctx context.Context, req apiv2.CancelMessageRequestObject) (apiv2.CancelMessageResponseObject, error) {
	m, err := s.Conversations.Cancel(ctx, web.IdentityFrom(ctx).UserID, req.ConversationID, req.MessageID)
	if err != nil {
		return nil, err
	}
	return apiv2.CancelMessage200JSONResponse{Body: ToAPIMessage(m), Headers: apiv2.CancelMessage200ResponseHeaders{ETag: messageETag(m)}}, nil
}

// RetryMessage has a reply written again.
func (s *Server) RetryMessage(ctx context.Context, req apiv2.RetryMessageRequestObject) (apiv2.RetryMessageResponseObject, error) {
	user := web.IdentityFrom(ctx).UserID
	reply, err := s.Conversations.Retry(ctx, conversation.RetryInput{
		UserID: user, ConversationID: req.ConversationID, MessageID: req.MessageID, IdempotencyKey: valueOr(req.Params.IdempotencyKey, ""),
	})
	if err != nil {
		return nil, err
	}
	if wait := preferredWait(valueOr(req.Params.Prefer, "")); wait > 0 {
		finished, done, err := s.awaitReply(ctx, user, reply.Message, wait)
		if err != nil {
			return nil, err
		}
		if done {
			return apiv2.RetryMessage200JSONResponse{Body: ToAPIMessage(finished), Headers: apiv2.RetryMessage200ResponseHeaders{
				ETag: messageETag(finished), PreferenceApplied: preferenceApplied(wait), IdempotencyReplayed: replayed(reply.Replayed),
			}}, nil
		}
	}
	return apiv2.RetryMessage202JSONResponse{Body: ToAPIMessage(reply.Message), Headers: apiv2.RetryMessage202ResponseHeaders{
		Location: fmt.Sprintf("%s/conversations/%s/messages/%s", BasePath, req.ConversationID, req.MessageID), IdempotencyReplayed: replayed(reply.Replayed),
	}}, nil
}
