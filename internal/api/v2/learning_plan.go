package v2

import (
	"context"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/learning"
	"github.com/fluentpro/fluentpro/internal/task"
)

// GetLearningPlan reads the newest plan.
func (s *Server) GetLearningPlan(ctx context.Context, req apiv2.GetLearningPlanRequestObject) (apiv2.GetLearningPlanResponseObject, error) {
	plan, err := s.Learning.Get(ctx, web.IdentityFrom(ctx).UserID)
	if err != nil {
		return nil, err
	}
	etag := planETag(plan.ID)
	if web.NotModified(valueOr(req.Params.IfNoneMatch, ""), etag) {
		return apiv2.GetLearningPlan304Response{Headers: apiv2.NotModifiedResponseHeaders{ETag: etag}}, nil
	}
	return apiv2.GetLearningPlan200JSONResponse{Body: ToAPILearningPlan(plan), Headers: apiv2.GetLearningPlan200ResponseHeaders{ETag: etag}}, nil
}

func planETag(id uuid.UUID) string { return contentETag(id[:]) }

// CreateLearningPlan has the plan written anew.
func (s *Server) CreateLearningPlan(ctx context.Context, req apiv2.CreateLearningPlanRequestObject) (apiv2.CreateLearningPlanResponseObject, error) {
	user := web.IdentityFrom(ctx).UserID
	t, err := s.Tasks.Create(ctx, task.CreateInput{
		StartInput: task.StartInput{UserID: user, Kind: learning.PlanKind, Input: learning.PlanInput{Format: 1, UserID: user}},
		Operation:  "createLearningPlan", IdempotencyKey: valueOr(req.Params.IdempotencyKey, ""),
		Refusal: s.Learning.Ready(ctx, user),
	})
	if err != nil {
		return nil, err
	}
	if ended, done, applied := s.awaitTask(ctx, t.Task, valueOr(req.Params.Prefer, "")); done {
		return apiv2.CreateLearningPlan200JSONResponse{
			Body:    ToAPITask(ended),
			Headers: apiv2.CreateLearningPlan200ResponseHeaders{PreferenceApplied: applied, IdempotencyReplayed: replayed(t.Replayed)},
		}, nil
	}
	return apiv2.CreateLearningPlan202JSONResponse{
		Body:    ToAPITask(t.Task),
		Headers: apiv2.CreateLearningPlan202ResponseHeaders{Location: taskLocation(t.Task), IdempotencyReplayed: replayed(t.Replayed)},
	}, nil
}

// ToAPILearningPlan translates a plan.
func ToAPILearningPlan(p learning.Plan) apiv2.LearningPlan {
	out := apiv2.LearningPlan{
		ID: p.ID, Source: apiv2.LearningPlanSource(p.Source), Language: p.Language, Summary: p.Summary, CreatedAt: p.CreatedAt,
		Milestones: []apiv2.Milestone{}, WeeklySchedule: []apiv2.ScheduledDay{}, Conversations: []apiv2.RecommendedConversation{}, Resources: []apiv2.Resource{},
	}
	for _, m := range p.Milestones {
		out.Milestones = append(out.Milestones, apiv2.Milestone{Title: m.Title, Description: m.Description, Weeks: m.Weeks})
	}
	for _, d := range p.WeeklySchedule {
		out.WeeklySchedule = append(out.WeeklySchedule, apiv2.ScheduledDay{Day: apiv2.ScheduledDayDay(d.Day), Minutes: d.Minutes, Activity: d.Activity})
	}
	for _, c := range p.Conversations {
		out.Conversations = append(out.Conversations, apiv2.RecommendedConversation{
			Rank: c.Rank, PartnerID: c.PartnerID, SituationID: c.SituationID, Title: c.Title, Goal: c.Goal,
		})
	}
	for _, r := range p.Resources {
		out.Resources = append(out.Resources, apiv2.Resource{Title: r.Title, Kind: apiv2.ResourceKind(r.Kind), Description: r.Description})
	}
	return out
}
