package v2

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/budget"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/learning"
	"github.com/fluentpro/fluentpro/internal/platform/page"
	"github.com/fluentpro/fluentpro/internal/task"
	"github.com/fluentpro/fluentpro/internal/usage"
)

// ExportMe gives everything that is kept about the signed-in user.
func (s *Server) ExportMe(ctx context.Context, _ apiv2.ExportMeRequestObject) (apiv2.ExportMeResponseObject, error) {
	return userExport{ctx: ctx, server: s, user: web.IdentityFrom(ctx).UserID}, nil
}

// userExport is the answer of exportMe.
type userExport struct {
	ctx    context.Context
	server *Server
	user   uuid.UUID
}

// VisitExportMeResponse writes it.
func (u userExport) VisitExportMeResponse(w http.ResponseWriter) error {
	return export(u.ctx, w, u.server, page.Stream[exportedLine, exportPlace]{
		Read: u.read, Key: func(l exportedLine) exportPlace { return l.place }, Append: appendExported,
	})
}

// exportPlace is where an export stands: in which part, and after what in it.
type exportPlace struct {
	part int
	id   uuid.UUID
	seq  int // of a message; id is its conversation
}

// exportedLine is one line: what it is, and all of it.
type exportedLine struct {
	place exportPlace
	kind  string
	data  any
}

func appendExported(dst []byte, l exportedLine) ([]byte, error) {
	text, err := json.Marshal(struct {
		Type string `json:"type"`
		Data any    `json:"data"`
	}{l.kind, l.data})
	if err != nil {
		return dst, fmt.Errorf("export %s: %w", l.kind, err)
	}
	return append(dst, text...), nil
}

// exportPart reads up to limit lines of one kind that follow a place in it.
type exportPart func(ctx context.Context, after exportPlace, limit int) ([]exportedLine, error)

// read goes through the parts, one after the other.
func (u userExport) read(ctx context.Context, after *exportPlace, limit int) iter.Seq2[exportedLine, error] {
	return func(yield func(exportedLine, error) bool) {
		parts := []exportPart{u.self, u.sessions, u.onboarding, u.roles, u.learningPlan, u.conversations, u.messages, u.feedback, u.tasks, u.deprecatedCalls, u.tokenDays}
		var from exportPlace
		if after != nil {
			from = *after
		}
		for i, left := from.part, limit; i < len(parts) && left > 0; i++ {
			if i != from.part {
				from = exportPlace{part: i}
			}
			lines, err := parts[i](ctx, from, left)
			if err != nil {
				yield(exportedLine{}, err)
				return
			}
			for _, line := range lines {
				line.place.part = i
				if !yield(line, nil) {
					return
				}
			}
			left -= len(lines)
		}
	}
}

// exportedUser is all that is kept of an account, without what proves a password.
type exportedUser struct {
	ID             uuid.UUID       `json:"id"`
	Email          string          `json:"email"`
	FullName       string          `json:"full_name"`
	EmailVerified  bool            `json:"email_verified"`
	IsActive       bool            `json:"is_active"`
	Roles          []string        `json:"roles"`
	NativeLanguage *string         `json:"native_language"`
	Language       string          `json:"language"`
	Preferences    json.RawMessage `json:"preferences"`
	CreatedAt      time.Time       `json:"created_at"`
	UpdatedAt      time.Time       `json:"updated_at"`
}

func (u userExport) self(ctx context.Context, after exportPlace, _ int) ([]exportedLine, error) {
	if after.id != uuid.Nil {
		return nil, nil
	}
	user, err := u.server.Accounts.User(ctx, u.user)
	return []exportedLine{{place: exportPlace{id: user.ID}, kind: "user", data: exportedUser{
		ID: user.ID, Email: user.Email, FullName: user.FullName, EmailVerified: user.EmailVerified, IsActive: user.Active,
		Roles: user.Roles, NativeLanguage: user.NativeLanguage, Language: user.Language, Preferences: user.Preferences,
		CreatedAt: user.CreatedAt, UpdatedAt: user.UpdatedAt,
	}}}, err
}

func (u userExport) sessions(ctx context.Context, after exportPlace, limit int) ([]exportedLine, error) {
	rows, err := u.server.Accounts.ExportSessions(ctx, u.user, after.id, limit)
	return exported("session", rows, func(r account.ExportedSession) (exportPlace, any) { return exportPlace{id: r.ID}, r }), err
}

func (u userExport) onboarding(ctx context.Context, after exportPlace, _ int) ([]exportedLine, error) {
	if after.id != uuid.Nil {
		return nil, nil
	}
	o, there, err := u.server.Onboarding.Export(ctx, u.user)
	if err != nil || !there {
		return nil, err
	}
	return []exportedLine{{place: exportPlace{id: u.user}, kind: "onboarding", data: ToAPIOnboarding(o)}}, nil
}

// exportedRole is a role of the learner's own, and what it was made of.
type exportedRole struct {
	apiv2.Role
	GivenTitle       string `json:"given_title"`
	GivenDescription string `json:"given_description"`
}

func (u userExport) roles(ctx context.Context, after exportPlace, _ int) ([]exportedLine, error) {
	if after.id != uuid.Nil {
		return nil, nil // they are few: all come at once
	}
	rows, err := u.server.Catalogue.ByAuthor(ctx, u.user)
	return exported("role", rows, func(r catalogue.Role) (exportPlace, any) {
		title, description := r.Given()
		return exportPlace{id: r.ID}, exportedRole{ToAPIRole(r, "en"), title, description}
	}), err
}

func (u userExport) learningPlan(ctx context.Context, after exportPlace, _ int) ([]exportedLine, error) {
	if after.id != uuid.Nil {
		return nil, nil
	}
	plan, there, err := u.server.Learning.Export(ctx, u.user)
	if err != nil || !there {
		return nil, err
	}
	return []exportedLine{{place: exportPlace{id: plan.ID}, kind: "learning_plan", data: ToAPILearningPlan(plan)}}, nil
}

func (u userExport) conversations(ctx context.Context, after exportPlace, limit int) ([]exportedLine, error) {
	rows, err := u.server.Conversations.Export(ctx, u.user, after.id, limit)
	return exported("conversation", rows, func(c conversation.Conversation) (exportPlace, any) {
		return exportPlace{id: c.ID}, ToAPIConversation(c)
	}), err
}

func (u userExport) messages(ctx context.Context, after exportPlace, limit int) ([]exportedLine, error) {
	rows, err := u.server.Conversations.ExportMessages(ctx, u.user, conversation.MessagePlace{ConversationID: after.id, Seq: after.seq}, limit)
	return exported("message", rows, func(m conversation.Message) (exportPlace, any) {
		return exportPlace{id: m.ConversationID, seq: m.Seq}, ToAPIMessage(m)
	}), err
}

func (u userExport) feedback(ctx context.Context, after exportPlace, limit int) ([]exportedLine, error) {
	rows, err := u.server.Learning.ExportFeedback(ctx, u.user, after.id, limit)
	return exported("feedback", rows, func(f learning.Feedback) (exportPlace, any) {
		return exportPlace{id: f.ConversationID}, ToAPIFeedback(f)
	}), err
}

func (u userExport) tasks(ctx context.Context, after exportPlace, limit int) ([]exportedLine, error) {
	rows, err := u.server.Tasks.Export(ctx, u.user, after.id, limit)
	return exported("task", rows, func(t task.Task) (exportPlace, any) { return exportPlace{id: t.ID}, ToAPITask(t) }), err
}

// exportedCalls is how often the learner's apps asked for something deprecated.
type exportedCalls struct {
	usage.Own

	FirstDay string `json:"first_day"`
	LastDay  string `json:"last_day"`
}

func (u userExport) deprecatedCalls(ctx context.Context, after exportPlace, _ int) ([]exportedLine, error) {
	if after.seq > 0 {
		return nil, nil // they are few: all come at once
	}
	rows, err := u.server.Usage.ExportOf(ctx, u.user)
	return exported("deprecated_calls", rows, func(o usage.Own) (exportPlace, any) {
		return exportPlace{seq: 1}, exportedCalls{o, o.FirstDay.Format(time.DateOnly), o.LastDay.Format(time.DateOnly)}
	}), err
}

// exportedTokens is what a learner has spent on the model in a day.
type exportedTokens struct {
	Day    string `json:"day"`
	Tokens int64  `json:"tokens"`
}

func (u userExport) tokenDays(ctx context.Context, after exportPlace, _ int) ([]exportedLine, error) {
	if after.seq > 0 {
		return nil, nil // they are few: all come at once
	}
	rows, err := u.server.Budgets.ExportOf(ctx, u.user)
	return exported("token_day", rows, func(d budget.Day) (exportPlace, any) {
		return exportPlace{seq: 1}, exportedTokens{d.Day.Format(time.DateOnly), d.Tokens}
	}), err
}

// exported makes lines of rows.
func exported[Row any](kind string, rows []Row, line func(Row) (exportPlace, any)) []exportedLine {
	out := make([]exportedLine, 0, len(rows))
	for _, row := range rows {
		place, data := line(row)
		out = append(out, exportedLine{place: place, kind: kind, data: data})
	}
	return out
}
