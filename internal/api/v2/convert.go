package v2

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"
	openapi_types "github.com/oapi-codegen/runtime/types"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/conversation"
)

// ToAPIUser translates an account.
func ToAPIUser(u account.User) apiv2.User {
	roles := make([]apiv2.UserRole, 0, len(u.Roles))
	for _, r := range u.Roles {
		roles = append(roles, apiv2.UserRole(r))
	}
	return apiv2.User{
		ID: u.ID, Email: openapi_types.Email(u.Email), FullName: u.FullName, EmailVerified: u.EmailVerified, Roles: roles,
		NativeLanguage: orNull(u.NativeLanguage), Preferences: preferences(u.Preferences), CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
	}
}

// preferences are an object; the database holds nothing else.
func preferences(text json.RawMessage) apiv2.Preferences {
	out := apiv2.Preferences{}
	_ = json.Unmarshal(text, &out)
	return out
}

// ToAPITokens translates the tokens of a session.
func ToAPITokens(t account.Tokens) apiv2.Tokens {
	return apiv2.Tokens{
		AccessToken: t.Access, RefreshToken: t.Refresh, TokenType: apiv2.Bearer, ExpiresIn: int(t.ExpiresIn / time.Second),
	}
}

// ToAPISession translates a session; current is the session of this request.
func ToAPISession(s account.Session, current uuid.UUID) apiv2.Session {
	return apiv2.Session{
		ID: s.ID, Device: s.Device, Address: s.Address, CreatedAt: s.CreatedAt, LastSeenAt: s.LastSeenAt,
		ExpiresAt: s.ExpiresAt, Current: s.ID == current,
	}
}

// ToAPIConversation translates the head of a conversation.
func ToAPIConversation(c conversation.Conversation) apiv2.Conversation {
	return apiv2.Conversation{
		ID: c.ID, PartnerID: c.PartnerID, SituationID: c.SituationID, Title: c.Title,
		Status: apiv2.ConversationStatus(c.Status), Version: c.Version, Tags: c.Tags,
		Context: apiv2.Context{
			UserPreferences: c.Context.UserPreferences, ConversationSettings: c.Context.ConversationSettings,
			DomainContext: c.Context.DomainContext, SessionMetadata: c.Context.SessionMetadata,
		},
		Metadata: c.Metadata, TokenLimit: orNull(c.TokenLimit), TokensUsed: c.TokensUsed, MessageCount: c.MessageCount,
		CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, LastActivityAt: c.LastActivityAt, Parent: (*apiv2.ConversationParent)(c.Parent),
	}
}

// FromAPIContext translates the four maps; those left out are empty.
func FromAPIContext(in *apiv2.ContextInput) conversation.Context {
	if in == nil {
		return conversation.Context{}
	}
	return conversation.Context{
		UserPreferences: orEmpty(in.UserPreferences), ConversationSettings: orEmpty(in.ConversationSettings),
		DomainContext: orEmpty(in.DomainContext), SessionMetadata: orEmpty(in.SessionMetadata),
	}
}

// ToAPIMessage translates one message.
func ToAPIMessage(m conversation.Message) apiv2.Message {
	out := apiv2.Message{
		ID: m.ID, ConversationID: m.ConversationID, Seq: m.Seq, Role: apiv2.MessageRole(m.Role), Content: m.Content,
		Status: apiv2.MessageStatus(m.Status), Tokens: m.Tokens, Metadata: m.Metadata, Version: m.Version,
		CreatedAt: m.CreatedAt, CompletedAt: m.CompletedAt, Problem: toAPIProblem(m.Problem),
	}
	if m.FinishReason != "" {
		out.FinishReason = &m.FinishReason
	}
	return out
}

func toAPIProblem(p *conversation.Problem) *apiv2.MessageProblem {
	if p == nil {
		return nil
	}
	return &apiv2.MessageProblem{Code: apiv2.ProblemCode(p.Code), Detail: p.Detail}
}

// fromNullable gives nil for null.
func fromNullable[T any](v nullable.Nullable[T]) *T {
	if value, err := v.Get(); err == nil {
		return &value
	}
	return nil
}

// orNull gives null for nil.
func orNull[T any](v *T) nullable.Nullable[T] {
	if v == nil {
		return nullable.NewNullNullable[T]()
	}
	return nullable.NewNullableWithValue(*v)
}

func orEmpty(m *apiv2.ContextMap) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return *m
}

// valueOr gives a parameter, or what it is when left out.
func valueOr[T any](v *T, otherwise T) T {
	if v == nil {
		return otherwise
	}
	return *v
}

// replayed is the Idempotency-Replayed header: there only when true.
func replayed(yes bool) *bool {
	if !yes {
		return nil
	}
	return &yes
}

// ETags (RFC 9110, strong): each names the state that the body shows.
func userETag(u account.User) string {
	return strconv.Quote(strconv.FormatInt(u.UpdatedAt.UnixMicro(), 36))
}

func conversationETag(c conversation.Conversation) string { return fmt.Sprintf(`"v%d"`, c.Version) }

func messageETag(m conversation.Message) string {
	return fmt.Sprintf(`"v%d.%d.%s"`, m.Version, m.Attempt, m.Status)
}

func contentETag(sum []byte) string {
	return strconv.Quote(base64.RawURLEncoding.EncodeToString(sum[:12]))
}
