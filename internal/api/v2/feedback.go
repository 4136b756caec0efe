package v2

import (
	"context"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/learning"
	"github.com/fluentpro/fluentpro/internal/task"
)

// GetFeedback reads the newest feedback on a conversation.
func (s *Server) GetFeedback(ctx context.Context, req apiv2.GetFeedbackRequestObject) (apiv2.GetFeedbackResponseObject, error) {
	f, err := s.Learning.Feedback(ctx, web.IdentityFrom(ctx).UserID, req.ConversationID)
	if err != nil {
		return nil, err
	}
	etag := contentETag(f.ID[:])
	if web.NotModified(valueOr(req.Params.IfNoneMatch, ""), etag) {
		return apiv2.GetFeedback304Response{Headers: apiv2.NotModifiedResponseHeaders{ETag: etag}}, nil
	}
	return apiv2.GetFeedback200JSONResponse{Body: ToAPIFeedback(f), Headers: apiv2.GetFeedback200ResponseHeaders{ETag: etag}}, nil
}

// CreateFeedback has the feedback on a conversation written anew.
func (s *Server) CreateFeedback(ctx context.Context, req apiv2.CreateFeedbackRequestObject) (apiv2.CreateFeedbackResponseObject, error) {
	in := learning.FeedbackInput{Format: 1, UserID: web.IdentityFrom(ctx).UserID, ConversationID: req.ConversationID}
	t, err := s.Tasks.Create(ctx, task.CreateInput{
		StartInput: task.StartInput{UserID: in.UserID, Kind: learning.FeedbackKind, Input: in, About: in.About()},
		Operation:  "createFeedback", IdempotencyKey: valueOr(req.Params.IdempotencyKey, ""),
		Refusal: s.Learning.FeedbackReady(ctx, in.UserID, in.ConversationID),
	})
	if err != nil {
		return nil, err
	}
	if ended, done, applied := s.awaitTask(ctx, t.Task, valueOr(req.Params.Prefer, "")); done {
		return apiv2.CreateFeedback200JSONResponse{
			Body:    ToAPITask(ended),
			Headers: apiv2.CreateFeedback200ResponseHeaders{PreferenceApplied: applied, IdempotencyReplayed: replayed(t.Replayed)},
		}, nil
	}
	return apiv2.CreateFeedback202JSONResponse{
		Body:    ToAPITask(t.Task),
		Headers: apiv2.CreateFeedback202ResponseHeaders{Location: taskLocation(t.Task), IdempotencyReplayed: replayed(t.Replayed)},
	}, nil
}

// ToAPIFeedback translates feedback.
func ToAPIFeedback(f learning.Feedback) apiv2.ConversationFeedback {
	out := apiv2.ConversationFeedback{
		ID: f.ID, ConversationID: f.ConversationID, ConversationVersion: f.Version, Source: apiv2.ConversationFeedbackSource(f.Source),
		Language: f.Language, EngagementScore: f.Engagement, CreatedAt: f.CreatedAt,
		Counts: apiv2.FeedbackCounts{
			LearnerMessages: f.Counts.LearnerMessages, PartnerMessages: f.Counts.PartnerMessages, LearnerWords: f.Counts.LearnerWords,
			PartnerWords: f.Counts.PartnerWords, WordsPerMessage: f.Counts.PerMessage(), QuestionsAsked: f.Counts.Questions, DurationSeconds: f.Counts.Seconds,
		},
		Scores: apiv2.FeedbackScores{
			OverallProficiency: f.Scores[learning.CriterionOverall], IndustryStandard: f.Scores[learning.CriterionIndustry],
			RangeOfLanguage: f.Scores[learning.CriterionRange], Accuracy: f.Scores[learning.CriterionAccuracy],
			DiscourseManagement: f.Scores[learning.CriterionDiscourse], InteractiveCommunication: f.Scores[learning.CriterionInteractive],
		},
		Strengths: []apiv2.FeedbackStrength{}, Suggestions: []apiv2.FeedbackSuggestion{},
	}
	for _, one := range f.Strengths {
		strength := apiv2.FeedbackStrength{Text: one.Text}
		if one.Quote != nil {
			quote := toAPIQuote(*one.Quote)
			strength.Quote = &quote
		}
		out.Strengths = append(out.Strengths, strength)
	}
	for _, one := range f.Suggestions {
		suggestion := apiv2.FeedbackSuggestion{Criterion: apiv2.FeedbackCriterion(one.Criterion), Text: one.Text, Quote: toAPIQuote(one.Quote)}
		if one.Improved != "" {
			suggestion.Improved = &one.Improved
		}
		out.Suggestions = append(out.Suggestions, suggestion)
	}
	return out
}

func toAPIQuote(q learning.Quote) apiv2.FeedbackQuote {
	return apiv2.FeedbackQuote{Text: q.Text, MessageID: q.MessageID}
}
