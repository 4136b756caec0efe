package v2

import (
	"context"
	"encoding/hex"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
	"github.com/fluentpro/fluentpro/internal/task"
)

// maxHistory bounds the versions that an inspection shows.
const maxHistory = 500

// CreateVerification begins to verify conversations.
func (s *Server) CreateVerification(ctx context.Context, req apiv2.CreateVerificationRequestObject) (apiv2.CreateVerificationResponseObject, error) {
	in := conversation.VerifyInput{Format: 1, Scope: string(valueOr(req.Body.Scope, apiv2.Changed)), ConversationIDs: valueOr(req.Body.ConversationIds, nil)}
	t, err := s.Tasks.Create(ctx, task.CreateInput{
		StartInput: task.StartInput{UserID: web.IdentityFrom(ctx).UserID, Kind: conversation.VerificationKind, Input: in, About: in},
		Operation:  "createVerification", IdempotencyKey: valueOr(req.Params.IdempotencyKey, ""),
	})
	if err != nil {
		return nil, err
	}
	if ended, done, applied := s.awaitTask(ctx, t.Task, valueOr(req.Params.Prefer, "")); done {
		return apiv2.CreateVerification200JSONResponse{
			Body: ToAPITask(ended), Headers: apiv2.CreateVerification200ResponseHeaders{PreferenceApplied: applied, IdempotencyReplayed: replayed(t.Replayed)},
		}, nil
	}
	return apiv2.CreateVerification202JSONResponse{
		Body: ToAPITask(t.Task), Headers: apiv2.CreateVerification202ResponseHeaders{Location: taskLocation(t.Task), IdempotencyReplayed: replayed(t.Replayed)},
	}, nil
}

// RecoverConversation begins to make a conversation good.
func (s *Server) RecoverConversation(ctx context.Context, req apiv2.RecoverConversationRequestObject) (apiv2.RecoverConversationResponseObject, error) {
	user := web.IdentityFrom(ctx).UserID
	in := conversation.RecoveryInput{
		Format: 1, ConversationID: req.ConversationID, Version: valueOr(req.Body.Version, 0), DryRun: valueOr(req.Body.DryRun, false), ActorID: user,
	}
	t, err := s.Tasks.Create(ctx, task.CreateInput{
		StartInput: task.StartInput{UserID: user, Kind: conversation.RecoveryKind, Input: in, About: in},
		Operation:  "recoverConversation", IdempotencyKey: valueOr(req.Params.IdempotencyKey, ""), Refusal: s.Conversations.Exists(ctx, req.ConversationID),
	})
	if err != nil {
		return nil, err
	}
	if ended, done, applied := s.awaitTask(ctx, t.Task, valueOr(req.Params.Prefer, "")); done {
		return apiv2.RecoverConversation200JSONResponse{
			Body: ToAPITask(ended), Headers: apiv2.RecoverConversation200ResponseHeaders{PreferenceApplied: applied, IdempotencyReplayed: replayed(t.Replayed)},
		}, nil
	}
	return apiv2.RecoverConversation202JSONResponse{
		Body: ToAPITask(t.Task), Headers: apiv2.RecoverConversation202ResponseHeaders{Location: taskLocation(t.Task), IdempotencyReplayed: replayed(t.Replayed)},
	}, nil
}

// InspectConversation shows what is stored of a conversation, but nothing that was written.
func (s *Server) InspectConversation(ctx context.Context, req apiv2.InspectConversationRequestObject) (apiv2.InspectConversationResponseObject, error) {
	in, err := s.Conversations.Inspect(ctx, req.ConversationID)
	if err != nil {
		return nil, err
	}
	h := in.Record.Head
	out := apiv2.InspectConversation200JSONResponse{
		ConversationID: h.ID, UserID: h.UserID, PartnerID: h.PartnerID, SituationID: h.SituationID, Status: apiv2.ConversationStatus(h.Status),
		Version: h.Version, MessageCount: h.MessageCount, TokenLimit: orNull(h.TokenLimit), TokensUsed: h.TokensUsed, Forks: in.Forks,
		CreatedAt: h.CreatedAt, UpdatedAt: h.UpdatedAt, LastActivityAt: h.LastActivityAt, Checksum: hex.EncodeToString(h.Checksum),
		Findings: make([]apiv2.Finding, 0, len(in.Findings)), Health: apiv2.InspectedHealth{Score: in.Health.Score, Reasons: toAPIReasons(in.Health)},
	}
	if h.ParentID != nil && h.ParentVersion != nil {
		out.Parent = &apiv2.ConversationParent{ConversationID: *h.ParentID, Version: *h.ParentVersion}
	}
	damaged := map[int64]bool{}
	for _, f := range in.Findings {
		damaged[f.Version] = true
		out.Findings = append(out.Findings, toAPIFinding(f))
	}
	steps := in.Record.History(maxHistory)
	out.History = make([]apiv2.HistoryStep, 0, len(steps))
	for _, st := range steps {
		out.History = append(out.History, apiv2.HistoryStep{
			Version: st.Version, Parent: orNull(st.Parent), Operation: apiv2.VersionOperation(st.Operation), ActorID: orNull(st.ActorID), Operator: orNull(operatorOf(st)), At: st.At,
			Checksum: st.Checksum, RestoredVersion: orNull(st.Restored), HasFindings: damaged[st.Version],
		})
	}
	return out, nil
}

func toAPIFinding(f record.Finding) apiv2.Finding {
	out := apiv2.Finding{Rule: f.Rule, Version: nullable.NewNullNullable[int64](), Subject: nullable.NewNullNullable[string](), Expected: f.Expected, Found: f.Found}
	if f.Version > 0 {
		out.Version.Set(f.Version)
	}
	if f.Subject != "" {
		out.Subject.Set(f.Subject)
	}
	return out
}

func toAPIReasons(h record.Health) []apiv2.HealthReason {
	out := make([]apiv2.HealthReason, 0, len(h.Reasons))
	for _, r := range h.Reasons {
		out = append(out, apiv2.HealthReason{Code: r.Code, Points: r.Points, Detail: r.Detail})
	}
	return out
}

const healthScope = "listConversationHealth"

// healthPlace is the place of a conversation among the worst.
type healthPlace struct {
	Score int       `json:"s"`
	ID    uuid.UUID `json:"i"`
}

// ListConversationHealth gives one page of conversations, the worst first.
func (s *Server) ListConversationHealth(ctx context.Context, req apiv2.ListConversationHealthRequestObject) (apiv2.ListConversationHealthResponseObject, error) {
	after := healthPlace{Score: -1}
	if req.Params.Cursor != nil {
		if err := s.Cursors.OpenJSON(healthScope, *req.Params.Cursor, &after); err != nil {
			return nil, err
		}
	}
	page, more, err := s.Conversations.Worst(ctx, conversation.WorstInput{AfterScore: after.Score, AfterID: after.ID, Limit: valueOr(req.Params.Limit, defaultLimit)})
	if err != nil {
		return nil, err
	}
	out := apiv2.ListConversationHealth200JSONResponse{Data: make([]apiv2.ConversationHealth, 0, len(page)), NextCursor: nullable.NewNullNullable[string]()}
	for _, w := range page {
		out.Data = append(out.Data, apiv2.ConversationHealth{ConversationID: w.ConversationID, UserID: w.UserID, Status: apiv2.ConversationStatus(w.Status),
			Score: w.Health.Score, Reasons: toAPIReasons(w.Health), WeighedAt: w.At})
	}
	if more {
		last := page[len(page)-1]
		next, err := s.Cursors.SealJSON(healthScope, healthPlace{last.Health.Score, last.ConversationID})
		if err != nil {
			return nil, err
		}
		out.NextCursor = nullable.NewNullableWithValue(next)
	}
	return out, nil
}

// operatorOf is who made a step from the command line; nil: nobody.
func operatorOf(st record.Step) *string {
	if st.Operator == "" {
		return nil
	}
	return &st.Operator
}
