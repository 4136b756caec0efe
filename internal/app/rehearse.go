package app

import (
	"context"
	"errors"
	"time"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/monitor"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// rehearsedTitle is what a rehearsal names its conversation.
const rehearsedTitle = "Rehearsal"

// cleanUpLimit bounds what is done after a rehearsal that failed.
const cleanUpLimit = 5 * time.Second

// leftOver bounds the conversations of earlier rehearsals that one deletes.
const leftOver = 20

// rehearsal is one learner's way through a conversation, without the model.
type rehearsal struct {
	*nouns

	made  conversation.Conversation
	watch *conversation.Watch
}

// rehearse does what learners do: create a conversation, follow it, change it, hear of the
// change, read it, go back to what it was, and delete it. It does not ask the model, so it
// costs nothing; what it leaves out is a reply.
func (n *nouns) rehearse(ctx context.Context) error {
	r := rehearsal{nouns: n}
	defer r.leave(ctx)
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"prepare", r.prepare}, {"create", r.create}, {"follow", r.follow}, {"change", r.change}, {"hear of the change", r.hear},
		{"read", r.read}, {"verify", r.verify}, {"delete", r.remove},
	} {
		if err := step.do(ctx); err != nil {
			return monitor.At(step.name, err)
		}
	}
	return nil
}

// prepare makes the learner, and deletes what a rehearsal left whose node died.
func (r *rehearsal) prepare(ctx context.Context) error {
	if err := r.accounts.Reserve(ctx); err != nil {
		return err
	}
	left, _, err := r.conversations.List(ctx, conversation.ListInput{UserID: account.ReservedUser, Limit: leftOver})
	if err != nil {
		return err
	}
	for _, c := range left {
		if err := r.conversations.Delete(ctx, account.ReservedUser, c.ID, nil); err != nil && !fault.Is(err, "resource.not_found") {
			return err
		}
	}
	return nil
}

func (r *rehearsal) create(ctx context.Context) error {
	known := r.catalogue.Current()
	if len(known.Partners) == 0 || len(known.Situations) == 0 {
		return monitor.Plain("the catalogue is empty")
	}
	made, err := r.conversations.Create(ctx, conversation.CreateInput{
		UserID: account.ReservedUser, PartnerID: known.Partners[0].ID, SituationID: known.Situations[0].ID,
	})
	r.made = made.Conversation
	return err
}

func (r *rehearsal) follow(ctx context.Context) (err error) {
	r.watch, err = r.conversations.Watch(ctx, conversation.WatchInput{UserID: account.ReservedUser, ConversationID: r.made.ID})
	if err != nil {
		return err
	}
	return r.await(ctx, r.made.Version)
}

// await waits for the event that tells of a version.
func (r *rehearsal) await(ctx context.Context, version int64) error {
	for {
		told, err := r.watch.Next(ctx)
		if err != nil {
			return err
		}
		for _, e := range told {
			if e.Conversation != nil && e.Conversation.Version == version {
				return nil
			}
		}
	}
}

func (r *rehearsal) change(ctx context.Context) (err error) {
	title := rehearsedTitle
	r.made, err = r.conversations.Update(ctx, conversation.UpdateInput{UserID: account.ReservedUser, ConversationID: r.made.ID, Title: &title})
	return err
}

func (r *rehearsal) hear(ctx context.Context) error { return r.await(ctx, r.made.Version) }

func (r *rehearsal) read(ctx context.Context) error {
	now, err := r.conversations.Get(ctx, account.ReservedUser, r.made.ID)
	if err != nil {
		return err
	}
	messages, _, err := r.conversations.Messages(ctx, conversation.MessagesInput{UserID: account.ReservedUser, ConversationID: r.made.ID, Limit: 1})
	if err != nil {
		return err
	}
	before, err := r.conversations.State(ctx, conversation.StateInput{UserID: account.ReservedUser, ConversationID: r.made.ID, Version: 1, Limit: 1})
	switch {
	case err != nil:
		return err
	case now.Title != rehearsedTitle || len(messages) != 1 || len(before.Messages) != 1 || messages[0].Content != before.Messages[0].Content:
		return monitor.Plain("it is not what was written")
	}
	return nil
}

func (r *rehearsal) verify(ctx context.Context) error {
	seen, err := r.conversations.Inspect(ctx, r.made.ID)
	if err == nil && len(seen.Findings) > 0 {
		err = monitor.Plain("verification finds " + seen.Findings[0].Rule)
	}
	return err
}

func (r *rehearsal) remove(ctx context.Context) error {
	if err := r.conversations.Delete(ctx, account.ReservedUser, r.made.ID, nil); err != nil {
		return err
	}
	_, err := r.conversations.Get(ctx, account.ReservedUser, r.made.ID)
	switch {
	case err == nil:
		return monitor.Plain("it is still there")
	case !fault.Is(err, "resource.not_found"):
		return err
	}
	r.made = conversation.Conversation{}
	return nil
}

// leave cleans up after a rehearsal that failed.
func (r *rehearsal) leave(ctx context.Context) {
	if r.watch != nil {
		r.watch.Close()
	}
	if r.made.Version == 0 {
		return
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), cleanUpLimit, errors.New("cleaning up took too long"))
	defer cancel()
	_ = r.conversations.Delete(ctx, account.ReservedUser, r.made.ID, nil) // else the next rehearsal does it
}
