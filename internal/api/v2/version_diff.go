package v2

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"github.com/oapi-codegen/nullable"
	"github.com/wI2L/jsondiff"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/conversation"
)

// CompareVersions tells what differs between two versions, for people and for programs.
func (s *Server) CompareVersions(ctx context.Context, req apiv2.CompareVersionsRequestObject) (apiv2.CompareVersionsResponseObject, error) {
	in := conversation.CompareInput{
		UserID: web.IdentityFrom(ctx).UserID, ConversationID: req.ConversationID,
		Before: valueOr(req.Params.Against, max(req.Version-1, 1)), After: req.Version,
	}
	c, err := s.Conversations.Compare(ctx, in)
	if err != nil {
		return nil, err
	}
	patch, err := toAPIPatch(c)
	if err != nil {
		return nil, fmt.Errorf("compare versions: %w", err)
	}
	return apiv2.CompareVersions200JSONResponse{Version: in.After, Against: in.Before, Summary: summary(c), Patch: patch}, nil
}

// toAPIPatch makes the JSON Patch (RFC 6902) between two states as getVersion gives them:
// of the head, then of the messages. Those that go are taken away from the last back, those
// that come are put in from the first on, so that each place is right when it is used.
func toAPIPatch(c conversation.Comparison) ([]apiv2.PatchOperation, error) {
	patch, err := difference("/conversation", ToAPIConversation(c.Before), ToAPIConversation(c.After))
	if err != nil {
		return nil, err
	}
	for _, m := range slices.Backward(c.Messages) {
		if m.After == nil {
			patch = append(patch, apiv2.PatchOperation{Op: apiv2.Remove, Path: messagePath(m.BeforePlace)})
		}
	}
	for _, m := range c.Messages {
		if m.Before == nil {
			patch = append(patch, apiv2.PatchOperation{Op: apiv2.Add, Path: messagePath(m.AfterPlace), Value: patchValue(ToAPIMessage(*m.After))})
		}
	}
	for _, m := range c.Messages {
		if m.Before == nil || m.After == nil {
			continue
		}
		changed, err := difference(messagePath(m.AfterPlace), ToAPIMessage(*m.Before), ToAPIMessage(*m.After))
		if err != nil {
			return nil, err
		}
		patch = append(patch, changed...)
	}
	return patch, nil
}

func messagePath(place int) string { return "/messages/" + strconv.Itoa(place) }

// difference gives the operations that make one JSON value of another, which stands at path.
func difference(path string, before, after any) ([]apiv2.PatchOperation, error) {
	found, err := jsondiff.Compare(before, after, jsondiff.LCS())
	if err != nil {
		return nil, err
	}
	patch := make([]apiv2.PatchOperation, 0, len(found))
	for _, op := range found {
		one := apiv2.PatchOperation{Op: apiv2.PatchOperationOp(op.Type), Path: path + op.Path}
		if op.Type != jsondiff.OperationRemove {
			one.Value = patchValue(op.Value)
		}
		patch = append(patch, one)
	}
	return patch, nil
}

// patchValue is a value that may be null.
func patchValue(v any) nullable.Nullable[any] {
	if v == nil {
		return nullable.NewNullNullable[any]()
	}
	return nullable.NewNullableWithValue(v)
}

// summary tells a person what changed.
func summary(c conversation.Comparison) []string {
	b, a := c.Before, c.After
	told := []string{}
	tell := func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
	if a.Title != b.Title {
		tell("The title is %q, not %q.", a.Title, b.Title)
	}
	if a.Status != b.Status {
		tell("The status is %s, not %s.", a.Status, b.Status)
	}
	for _, tag := range a.Tags {
		if !slices.Contains(b.Tags, tag) {
			tell("The tag %q is new.", tag)
		}
	}
	for _, tag := range b.Tags {
		if !slices.Contains(a.Tags, tag) {
			tell("The tag %q is gone.", tag)
		}
	}
	if was, is := limitText(b.TokenLimit), limitText(a.TokenLimit); was != is {
		tell("The token limit is %s, not %s.", is, was)
	}
	told = append(told, summaryOfMap("user_preferences", b.Context.UserPreferences, a.Context.UserPreferences)...)
	told = append(told, summaryOfMap("conversation_settings", b.Context.ConversationSettings, a.Context.ConversationSettings)...)
	told = append(told, summaryOfMap("domain_context", b.Context.DomainContext, a.Context.DomainContext)...)
	told = append(told, summaryOfMap("session_metadata", b.Context.SessionMetadata, a.Context.SessionMetadata)...)
	told = append(told, summaryOfMap("metadata", b.Metadata, a.Metadata)...)
	for _, m := range c.Messages {
		told = append(told, summaryOfMessage(m)...)
	}
	return told
}

func limitText(limit *int64) string {
	if limit == nil {
		return "none"
	}
	return strconv.FormatInt(*limit, 10)
}

func summaryOfMap(name string, before, after map[string]any) (told []string) {
	for _, key := range slices.Sorted(maps.Keys(after)) {
		was, there := before[key]
		switch {
		case !there:
			told = append(told, fmt.Sprintf("%s has %q.", name, key))
		case !reflect.DeepEqual(was, after[key]):
			told = append(told, fmt.Sprintf("%s has another %q.", name, key))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(before)) {
		if _, there := after[key]; !there {
			told = append(told, fmt.Sprintf("%s has no %q any more.", name, key))
		}
	}
	return told
}

// speakers are who a message is by.
var speakers = map[string]string{conversation.RoleUser: "the learner", conversation.RoleAssistant: "the partner"}

func summaryOfMessage(m conversation.MessageChange) []string {
	switch {
	case m.Before == nil:
		return []string{fmt.Sprintf("Message %d, by %s, is new%s.", m.After.Seq, speakers[m.After.Role], quoted(m.After.Content))}
	case m.After == nil:
		return []string{fmt.Sprintf("Message %d, by %s, is gone%s.", m.Before.Seq, speakers[m.Before.Role], quoted(m.Before.Content))}
	case m.Before.Content != m.After.Content:
		return []string{fmt.Sprintf("Message %d is %s%s, not %s%s.", m.After.Seq, m.After.Status, quoted(m.After.Content), m.Before.Status, quoted(m.Before.Content))}
	case m.Before.Status != m.After.Status:
		return []string{fmt.Sprintf("Message %d is %s, not %s.", m.After.Seq, m.After.Status, m.Before.Status)}
	}
	return nil
}

// quoteRunes bounds what is quoted of a message.
const quoteRunes = 60

// quoted gives the beginning of a text.
func quoted(text string) string {
	if text == "" {
		return ""
	}
	runes := bytes.Runes([]byte(text))
	if len(runes) > quoteRunes {
		return fmt.Sprintf(": %q...", string(runes[:quoteRunes]))
	}
	return fmt.Sprintf(": %q", text)
}
