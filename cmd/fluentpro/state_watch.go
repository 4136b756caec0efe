package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
)

// watched is an event for programs.
type watched struct {
	Type            string                `json:"type"`
	MessageID       *uuid.UUID            `json:"message_id,omitempty"`
	Text            string                `json:"text,omitempty"`
	Message         *conversation.Message `json:"message,omitempty"`
	RestoredVersion int64                 `json:"restored_version,omitempty"`
	Version         int64                 `json:"version"`
}

// follow writes what happens in a conversation until its end or ctx's.
func (in *inspector) follow(ctx context.Context, head record.Head) error {
	if !in.desk.Live {
		return errors.New("set FLUENTPRO_REDIS_URL to follow a conversation")
	}
	watch, err := in.desk.Conversations.Watch(ctx, conversation.WatchInput{UserID: head.UserID, ConversationID: head.ID})
	if err != nil {
		return err
	}
	defer watch.Close()
	for {
		events, err := watch.Next(ctx)
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := in.event(e); err != nil {
				return err
			}
		}
	}
}

func (in *inspector) event(e conversation.WatchEvent) error {
	if in.out.format != formatTable {
		one := watched{Type: e.Type, Text: e.Text, Message: e.Message, RestoredVersion: e.RestoredVersion, Version: e.At.Version}
		if e.MessageID != uuid.Nil {
			one.MessageID = &e.MessageID
		}
		return list(in.out, []watched{one}, nil)
	}
	switch {
	case e.Type == conversation.EventDelta:
		fmt.Fprint(in.out, record.Printable(e.Text))
	case e.Type == conversation.EventStarted:
		in.writing = e.MessageID
		fmt.Fprintf(in.out, "%s\n%s", strong.Render("assistant is writing"), record.Printable(e.Text))
	case e.Type == conversation.EventCreated:
		fmt.Fprintf(in.out, "%s\n%s\n\n", strong.Render(fmt.Sprintf("%d %s", e.Message.Seq, e.Message.Role)), record.Printable(e.Message.Content))
	case e.Terminal():
		if in.writing != e.MessageID { // it was written before anybody looked
			fmt.Fprintf(in.out, "%s\n%s", strong.Render(fmt.Sprintf("%d %s", e.Message.Seq, e.Message.Role)), record.Printable(e.Message.Content))
		}
		fmt.Fprintf(in.out, "\n%s\n\n", faint.Render("the reply is "+e.Message.Status))
	case e.Type == conversation.EventRolledBack:
		fmt.Fprintln(in.out, warned.Render(fmt.Sprintf("version %d has the content of version %d", e.At.Version, e.RestoredVersion)))
	default:
		fmt.Fprintln(in.out, faint.Render(fmt.Sprintf("%s (version %d)", e.Type, e.At.Version)))
	}
	return nil
}
