package app

import (
	"context"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/learning"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/task"
)

// Background reads what is chosen so far, with names in the learner's native language.
func (p profiles) Background(ctx context.Context, user uuid.UUID) (learning.Background, error) {
	o, err := p.onboardings.Get(ctx, user, "en")
	if err != nil {
		return learning.Background{}, err
	}
	c := p.catalogue.Current()
	language := languageOf(c, o)
	out := learning.Background{Language: language}
	if o.IndustryID != nil {
		out.Industry = byName(c.Industries, *o.IndustryID, language, func(i catalogue.Industry) (string, catalogue.Text) { return i.ID, i.Name }).Name
	}
	if o.Role != nil {
		role, err := p.catalogue.Role(ctx, user, o.Role.ID)
		if err != nil && !fault.Is(err, "resource.not_found") {
			return learning.Background{}, err
		}
		out.Role = learning.RoleProfile{Title: role.Title.In(language), Description: role.Description.In(language)}
	}
	return out, nil
}

// transcripts gives feedback the conversations, with the English names of the catalogue.
type transcripts struct {
	conversations *conversation.Service
	catalogue     *catalogue.Service
}

// Talk reads the head of one.
func (t transcripts) Talk(ctx context.Context, user, id uuid.UUID) (learning.Talk, error) {
	head, err := t.conversations.Get(ctx, user, id)
	if err != nil {
		return learning.Talk{}, err
	}
	c := t.catalogue.Current()
	return learning.Talk{
		Finished:  head.Status == conversation.StatusCompleted || head.Status == conversation.StatusArchived,
		Version:   head.Version,
		Partner:   byName(c.Partners, head.PartnerID, "en", func(x catalogue.Partner) (string, catalogue.Text) { return x.ID, x.Name }).Name,
		Situation: byName(c.Situations, head.SituationID, "en", func(x catalogue.Situation) (string, catalogue.Text) { return x.ID, x.Name }).Name,
	}, nil
}

// Lines reads a page of one's messages.
func (t transcripts) Lines(ctx context.Context, user, id uuid.UUID, after, limit int) ([]learning.Line, bool, error) {
	page, more, err := t.conversations.Messages(ctx, conversation.MessagesInput{UserID: user, ConversationID: id, After: &after, Limit: limit})
	if err != nil {
		return nil, false, err
	}
	lines := make([]learning.Line, 0, len(page))
	for _, m := range page {
		line := learning.Line{MessageID: m.ID, Seq: m.Seq, Learner: m.Role == conversation.RoleUser, Text: m.Content, BeganAt: m.CreatedAt}
		if m.CompletedAt != nil {
			line.EndedAt = *m.CompletedAt
		}
		lines = append(lines, line)
	}
	return lines, more, nil
}

// feedbackTasks starts the tasks that write feedback.
type feedbackTasks struct{ *task.Service }

// StartFeedback starts one, unless that was done.
func (f feedbackTasks) StartFeedback(ctx context.Context, id uuid.UUID, in learning.FeedbackInput) error {
	_, err := f.StartOnce(ctx, id, task.StartInput{UserID: in.UserID, Kind: learning.FeedbackKind, Input: in, About: in.About()})
	return err
}
