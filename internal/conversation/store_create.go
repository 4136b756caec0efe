package conversation

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/db"
)

// insertConversation stores a conversation that begins with a greeting.
func insertConversation(ctx context.Context, tx Tx, c Conversation, greetingID uuid.UUID, greeting string) error {
	if err := insertHead(ctx, tx, c, created(c, greetingID, greeting)); err != nil {
		return err
	}
	err := db.New().InsertGreeting(ctx, tx, db.InsertGreetingParams{ID: greetingID, ConversationID: c.ID, Content: greeting, At: c.CreatedAt})
	if err != nil {
		return fmt.Errorf("insert greeting: %w", err)
	}
	if err := index(ctx, tx, c.ID, c.title(), passage{greetingID, greeting}); err != nil {
		return err
	}
	return written(ctx, tx, c)
}

// insertHead stores a conversation without its messages, with its first version.
func insertHead(ctx context.Context, tx Tx, c Conversation, first change) error {
	contextText, err := json.Marshal(c.Context)
	if err != nil {
		return fmt.Errorf("insert conversation: %w", err)
	}
	metadata, err := json.Marshal(c.Metadata)
	if err != nil {
		return fmt.Errorf("insert conversation: %w", err)
	}
	version, err := first.seal(c.ID)
	if err != nil {
		return err
	}
	row := db.InsertConversationParams{
		ID: c.ID, UserID: c.UserID, PartnerID: c.PartnerID, SituationID: c.SituationID, Title: c.Title, Tags: c.Tags,
		Context: contextText, Metadata: metadata, TokenLimit: c.TokenLimit, MessageCount: c.MessageCount, At: c.CreatedAt,
		Operation: first.operation, EntryHead: version.head, Salt: version.salt, Body: version.body,
	}
	if c.Parent != nil {
		row.ParentID, row.ParentVersion = &c.Parent.ConversationID, &c.Parent.Version
	}
	if err := db.New().InsertConversation(ctx, tx, row); err != nil {
		return fmt.Errorf("insert conversation: %w", err)
	}
	return nil
}
