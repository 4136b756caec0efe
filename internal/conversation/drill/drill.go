package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
)

// Config is what a drill works with.
type Config struct {
	Conversations *conversation.Service
	Pool          *pgxpool.Pool
	UserID        uuid.UUID // whose conversation it is
	PartnerID     string
	SituationID   string
	// Forget makes Redis lose what it has of a conversation.
	Forget func(ctx context.Context, conversation uuid.UUID) error
	// Backup breaks a backup, and gives how that was found; nil: there are no backups.
	Backup func(ctx context.Context) (found string, err error)
}

// Result is what came of one breakage.
type Result struct {
	What    string        `json:"what"`
	Backup  bool          `json:"with_backup"`
	Found   []string      `json:"found"` // rules
	Healed  bool          `json:"healed"`
	Lost    int           `json:"lost"` // things that were named as beyond recovery
	Took    time.Duration `json:"took_ns"`
	Problem string        `json:"problem,omitempty"` // "": it was found, and healed or named
}

// drill is one under way.
type drill struct {
	Config
	id    uuid.UUID
	whole record.Record
	tell  func(Result)
	bad   int
}

// ErrFailed is that of a drill in which something was not found, or not made good.
var ErrFailed = errors.New("something that was broken was not found, or not made good or named")

// Run makes a conversation, breaks it in each way without and with a backup, and tells what
// came of it. At its end the conversation is deleted. Fault: ErrFailed.
func Run(ctx context.Context, c Config, tell func(Result)) (err error) {
	d := &drill{Config: c, tell: tell}
	d.id, err = Make(ctx, c)
	if d.id != uuid.Nil {
		defer func() {
			if gone := c.Conversations.Delete(context.WithoutCancel(ctx), c.UserID, d.id, anyVersion); gone != nil && err == nil {
				err = fmt.Errorf("drill: %w", gone)
			}
		}()
	}
	if err != nil {
		return fmt.Errorf("drill: %w", err)
	}
	if d.whole, err = c.Conversations.Record(ctx, d.id); err != nil {
		return fmt.Errorf("drill: %w", err)
	}
	for _, b := range Breakages {
		for _, backup := range []*record.Record{nil, &d.whole} {
			if err := d.breakage(ctx, b, backup); err != nil {
				return fmt.Errorf("drill: %s: %w", b.Name, err)
			}
		}
	}
	for _, s := range []struct {
		what string
		play func(context.Context, *Result) error
	}{{"Redis, lost", d.redisLost}, {"yesterday's database under today's Redis", d.yesterday}, {"a backup, truncated", d.truncated}} {
		if err := d.scene(ctx, s.what, s.play); err != nil {
			return fmt.Errorf("drill: %s: %w", s.what, err)
		}
	}
	if d.bad > 0 {
		return ErrFailed
	}
	return nil
}

func anyVersion(conversation.Conversation) error { return nil }

// Make makes a conversation in which much has happened: a reply written anew, a step back with
// a hidden message, and more than fifty versions. No reply waits for the model.
func Make(ctx context.Context, c Config) (uuid.UUID, error) {
	s := c.Conversations
	made, err := s.Create(ctx, conversation.CreateInput{UserID: c.UserID, PartnerID: c.PartnerID, SituationID: c.SituationID, Title: "Corruption drill"})
	if err != nil {
		return uuid.Nil, err
	}
	id := made.Conversation.ID
	say := func(words string) (reply conversation.Message, err error) {
		sent, err := s.Send(ctx, conversation.SendInput{UserID: c.UserID, ConversationID: id, Content: words})
		if err != nil {
			return reply, err
		}
		return s.Cancel(ctx, c.UserID, id, sent.Reply.ID)
	}
	reply, err := say("We need better terms.")
	if err != nil {
		return id, err
	}
	again, err := s.Retry(ctx, conversation.RetryInput{UserID: c.UserID, ConversationID: id, MessageID: reply.ID})
	if err == nil {
		_, err = s.Cancel(ctx, c.UserID, id, again.Message.ID)
	}
	if err != nil {
		return id, err
	}
	before, err := s.Get(ctx, c.UserID, id)
	if err == nil {
		_, err = say("I have changed my mind.")
	}
	if err == nil {
		_, err = s.Rollback(ctx, conversation.RollbackInput{UserID: c.UserID, ConversationID: id, Version: before.Version})
	}
	if err != nil {
		return id, err
	}
	if err := retitle(ctx, c, id, 55); err != nil {
		return id, err
	}
	_, err = say("And the last word.")
	return id, err
}

// retitle changes the title until there are so many versions.
func retitle(ctx context.Context, c Config, id uuid.UUID, versions int64) error {
	for {
		now, err := c.Conversations.Get(ctx, c.UserID, id)
		if err != nil || now.Version >= versions {
			return err
		}
		title := fmt.Sprintf("Corruption drill, step %d", now.Version)
		if _, err := c.Conversations.Update(ctx, conversation.UpdateInput{UserID: c.UserID, ConversationID: id, Title: &title}); err != nil {
			return err
		}
	}
}

// breakage breaks the conversation, and makes it good.
func (d *drill) breakage(ctx context.Context, b Breakage, backup *record.Record) error {
	out, began := Result{What: b.Name, Backup: backup != nil, Found: []string{}}, time.Now()
	broken, err := copied(d.whole)
	if err != nil {
		return err
	}
	b.Break(&broken)
	if err := Plant(ctx, d.Pool, broken); err != nil {
		return err
	}
	if out.Found, err = d.rules(ctx); err != nil {
		return err
	}
	for _, rule := range b.Rules {
		if !slices.Contains(out.Found, rule) {
			out.Problem = "verification did not find " + rule
		}
	}
	plan, err := d.Conversations.Recover(ctx, conversation.RecoverInput{ConversationID: d.id, Backup: backup})
	if err != nil {
		return err
	}
	out.Healed, out.Lost = plan.IsComplete, len(plan.Lost)
	if !plan.IsComplete && (backup != nil || b.Proven) {
		out.Problem = "it was not made good"
	}
	return d.judge(ctx, out, began, d.whole)
}

// judge tells what came of it: afterwards all is whole, and says what it said.
func (d *drill) judge(ctx context.Context, out Result, began time.Time, want record.Record) error {
	left, err := d.rules(ctx)
	if err != nil {
		return err
	}
	now, err := d.Conversations.Record(ctx, d.id)
	if err != nil {
		return err
	}
	switch {
	case out.Problem != "":
	case len(left) > 0:
		out.Problem = fmt.Sprintf("after the recovery verification found %v", left)
	case now.Head.Title != want.Head.Title || said(now) != said(want):
		out.Problem = "the conversation says something else than before"
	}
	if out.Problem != "" {
		d.bad++
	}
	out.Took = time.Since(began)
	d.tell(out)
	return nil
}

func said(r record.Record) string {
	text := ""
	for _, m := range r.Messages {
		if m.Hidden == nil {
			text += m.Role + ": " + m.Content + "\n"
		}
	}
	return text
}

// rules are those that do not hold of the conversation now.
func (d *drill) rules(ctx context.Context) ([]string, error) {
	found, err := d.Conversations.Inspect(ctx, d.id)
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, f := range found.Findings {
		if !slices.Contains(out, f.Rule) {
			out = append(out, f.Rule)
		}
	}
	return out, nil
}

func copied(r record.Record) (out record.Record, err error) {
	err = inJSON(r, &out)
	return out, err
}

// scene plays one that is more than a broken row.
func (d *drill) scene(ctx context.Context, what string, play func(context.Context, *Result) error) error {
	out, began := Result{What: what, Found: []string{}}, time.Now()
	if err := Plant(ctx, d.Pool, d.whole); err != nil {
		return err
	}
	if err := play(ctx, &out); err != nil {
		return err
	}
	want, err := d.Conversations.Record(ctx, d.id)
	if err != nil {
		return err
	}
	return d.judge(ctx, out, began, want)
}

// redisLost goes on without what Redis knew.
func (d *drill) redisLost(ctx context.Context, out *Result) error {
	if err := d.Forget(ctx, d.id); err != nil {
		return err
	}
	out.Found, out.Healed = []string{"fencing"}, true
	return retitle(ctx, d.Config, d.id, d.whole.Head.Version+2)
}

// yesterday has Redis remember what the database has forgotten. What the learner did since is
// in the backup alone, and comes back from it; and where the learner went on meanwhile, that
// stays, and the backup is named as telling another story.
func (d *drill) yesterday(ctx context.Context, out *Result) error {
	out.Backup, out.Found = true, []string{"backup"}
	if err := retitle(ctx, d.Config, d.id, d.whole.Head.Version+5); err != nil {
		return err
	}
	today, err := d.Conversations.Record(ctx, d.id)
	if err != nil {
		return err
	}
	if err := Plant(ctx, d.Pool, d.whole); err != nil {
		return err
	}
	plan, err := d.Conversations.Recover(ctx, conversation.RecoverInput{ConversationID: d.id, Backup: &today})
	if err != nil {
		return err
	}
	now, err := d.Conversations.Record(ctx, d.id)
	if err != nil {
		return err
	}
	if out.Healed = plan.Needed && plan.IsComplete; !out.Healed || now.Head.Title != today.Head.Title {
		out.Problem = "what was done today did not come back"
	}
	if err := Plant(ctx, d.Pool, d.whole); err != nil {
		return err
	}
	if err := retitle(ctx, d.Config, d.id, d.whole.Head.Version+1); err != nil {
		return err
	}
	plan, err = d.Conversations.Recover(ctx, conversation.RecoverInput{ConversationID: d.id, Backup: &today})
	if err == nil && len(plan.Notes) == 0 {
		out.Problem = "that the backup tells another story was not said"
	}
	return err
}

// truncated has a backup end too early.
func (d *drill) truncated(ctx context.Context, out *Result) error {
	if d.Backup == nil {
		out.Found, out.Healed = []string{"no backups are made here"}, true
		return nil
	}
	found, err := d.Backup(ctx)
	out.Found, out.Healed = []string{found}, found != ""
	if found == "" {
		out.Problem = "a backup that ends too early was not found"
	}
	return err
}
