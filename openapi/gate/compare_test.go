package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A breach is an edit that breaks clients, and what must be said of it.
type breach struct {
	document, rule, place, text string
	alter                       edit
}

// breaches are kinds of breaking changes, each made in a real document.
var breaches = map[string]breach{
	"an operation goes": {"v2", "api-removed-without-deprecation", "listSessions", "has gone",
		set(nil, "paths", "/sessions", "get")},
	"a path goes": {"v2", "api-path-removed-without-deprecation", "listPartners", "has gone",
		set(nil, "paths", "/partners")},
	"an operation has another name": {"v2", "api-operation-id-removed", "listPartners", "getPartners",
		set("getPartners", "paths", "/partners", "get", "operationId")},
	"a request needs a new field": {"v2", "new-required-request-property", "signUp", "`captcha`",
		all(set(tree{"type": "string"}, "components", "schemas", "SignUpRequest", "properties", "captcha"),
			with("captcha", "components", "schemas", "SignUpRequest", "required"))},
	"a field of a request has another type": {"v2", "request-property-type-changed", "signUp", "`full_name`",
		set("integer", "components", "schemas", "SignUpRequest", "properties", "full_name", "type")},
	"a field of a request may be shorter only": {"v2", "request-property-max-length-decreased", "signUp", "`email`",
		set(20, "components", "schemas", "SignUpRequest", "properties", "email", "maxLength")},
	"a field of a request goes": {"v2", "request-property-removed", "logIn", "`device_name`",
		withoutField("LogInRequest", "device_name")},
	"a request may not have a value any more": {"v1", "request-property-enum-value-removed", "trackProgressV1", "`search_roles`",
		without("search_roles", "components", "schemas", "TrackRequest", "properties", "action", "enum")},
	"a request in another form": {"v2", "request-body-media-type-removed", "signUp", "application/json",
		func(t *testing.T, doc tree) {
			content := node(t, doc, "paths", "/users", "post", "requestBody", "content")
			content["application/xml"] = content["application/json"]
			delete(content, "application/json")
		}},
	"a new parameter is needed": {"v2", "new-required-request-parameter", "listPartners", "`region`",
		with(tree{"in": "query", "name": "region", "required": true, "schema": tree{"type": "string"}}, "paths", "/partners", "get", "parameters")},
	"a parameter goes": {"v2", "request-parameter-removed", "listRoles", "`level`", withoutParameter("/roles", "level")},
	"a field of an answer goes": {"v2", "response-required-property-removed", "listPartners", "`data/items/name`",
		withoutField("Partner", "name")},
	"an optional field of an answer goes": {"v2", "response-optional-property-removed", "getMessage", "`completed_at`",
		withoutField("Message", "completed_at")},
	"a field of an answer has another type": {"v2", "response-property-type-changed", "getMessage", "`seq`",
		set("string", "components", "schemas", "Message", "properties", "seq", "type")},
	"a field of an answer may be absent": {"v2", "response-property-became-optional", "getMessage", "`seq`",
		without("seq", "components", "schemas", "Message", "required")},
	"an answer has a value that it never had": {"v2", "response-property-enum-value-added", "getMessage", "`lost`",
		with("lost", "components", "schemas", "MessageStatus", "enum")},
	"a status goes": {"v2", "response-success-status-removed", "signUp", "`201`",
		func(t *testing.T, doc tree) {
			responses := node(t, doc, "paths", "/users", "post", "responses")
			responses["200"] = responses["201"]
			delete(responses, "201")
		}},
	"an answer in another form": {"v2", "response-media-type-removed", "createMessage", "text/event-stream",
		set(nil, "paths", "/conversations/{conversation_id}/messages", "post", "responses", "200", "content", "text/event-stream")},
	"what was open needs a token": {"v2", "api-security-anonymous-access-removed", "listPartners", "",
		set(nil, "paths", "/partners", "get", "security")},
	"the paths begin otherwise": {"v2", "server-removed", "", "/api/v2", set([]any{tree{"url": "/v2"}}, "servers")},

	"an event goes": {"v2", "stream-event-removed", "streamMessageEvents", "removed the event `message.delta` ",
		withoutEvent("MessageEvent", "MessageDelta", "message.delta")},
	"an event has another type": {"v2", "stream-event-removed", "streamMessageEvents", "removed the event `message.delta` ",
		all(set("message.piece", "components", "schemas", "MessageDelta", "properties", "type", "const"),
			set(nil, "components", "schemas", "MessageEvent", "discriminator", "mapping", "message.delta"),
			set("#/components/schemas/MessageDelta", "components", "schemas", "MessageEvent", "discriminator", "mapping", "message.piece"))},
	"a field of an event goes": {"v2", "response-required-property-removed", "streamMessageEvents", "`text` from the response with the `200` status, in the event `message.delta`",
		withoutField("MessageDelta", "text")},
	"a field deep in an event has another type": {"v2", "response-property-type-changed", "streamMessageEvents", "from `integer` to `string` for status `200`, in the event `message.cancelled`, and wherever else `Message` is",
		set("string", "components", "schemas", "Message", "properties", "seq", "type")},
	"a field of an event has another name": {"v2", "response-required-property-removed", "createMessage", "`message_id` from the response with the `200` status, in the event `message.started`",
		all(withoutField("MessageStarted", "message_id"), set(tree{"type": "string"}, "components", "schemas", "MessageStarted", "properties", "reply_id"))},
	"a line of an export goes": {"v2", "stream-event-removed", "exportMe", "removed the line `task` ",
		withoutEvent("ExportMeLine", "ExportedTask", "task")},
	"a field of a line has another type": {"v2", "response-property-type-changed", "exportUsers", ", in the line `end`",
		set("string", "components", "schemas", "ExportEnd", "properties", "count", "type")},
	"an event of an export without a discriminator goes": {"v2", "stream-event-removed", "exportAuditEvents", "removed the line `problem` ",
		withoutEvent("AuditExportLine", "ExportProblem", "")},

	"an event of a WebSocket goes": {"v2", "stream-event-removed", "connectRealtime", "removed the event `room.message` ",
		withoutEvent("RealtimeEvent", "RoomMessage", "room.message")},
	"a verb of a WebSocket goes": {"v2", "request-property-removed", "connectRealtime", "`echo`",
		set(nil, "components", "schemas", "RealtimeCommand", "properties", "echo")},
	"a command of a WebSocket needs another field": {"v2", "new-required-request-property", "connectRealtime", "`publish/reason`",
		all(set(tree{"type": "string", "maxLength": 9}, "components", "schemas", "RealtimePublish", "properties", "reason"),
			with("reason", "components", "schemas", "RealtimePublish", "required"))},
	"a result of a WebSocket has a field less": {"v2", "response-required-property-removed", "connectRealtime", "`result/publish/cursor`",
		withoutField("RealtimePublished", "cursor")},
	"a reply of a WebSocket has another form": {"v2", "response-required-property-removed", "connectRealtime", "`reply/id`",
		withoutField("RealtimeReply", "id")},
	"a push of a WebSocket has a field less": {"v2", "response-required-property-removed", "connectRealtime", "`push/topic`",
		withoutField("RealtimePush", "topic")},
}

// withoutEvent takes an event out of a union and, where it is there, its mapping.
func withoutEvent(union, member, kind string) edit {
	return func(t *testing.T, doc tree) {
		t.Helper()
		node := node(t, doc, "components", "schemas", union)
		var kept []any
		for _, m := range node["oneOf"].([]any) {
			if asTree(m)["$ref"] != "#/components/schemas/"+member {
				kept = append(kept, m)
			}
		}
		require.Len(t, kept, len(node["oneOf"].([]any))-1)
		node["oneOf"] = kept
		delete(at(node, "discriminator", "mapping"), kind)
	}
}

func TestEachKindOfBreakingChangeIsCaught(t *testing.T) {
	t.Parallel()
	for what, b := range breaches {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			changes := compared(t, original(t, b.document), b.alter)
			require.True(t, slices.ContainsFunc(changes, func(c change) bool {
				return c.rule == b.rule && c.level == breaking && c.advice != "" &&
					strings.Contains(strings.Join(c.places, ", "), b.place) && strings.Contains(c.text, b.text)
			}), listed(changes))
		})
	}
}

// listed is what the gate prints of the changes.
func listed(changes []change) string {
	var out bytes.Buffer
	printChanges(&out, changes)
	return out.String()
}

func TestWhatClientsBearPasses(t *testing.T) {
	t.Parallel()
	text := tree{"type": "string", "maxLength": 10}
	for what, c := range map[string]struct {
		alter edit
		rule  string // none: nothing is said
		level level
	}{
		"an optional field of a request": {set(text, "components", "schemas", "SignUpRequest", "properties", "nickname"), "new-optional-request-property", fine},
		"a field of an answer":           {set(text, "components", "schemas", "Partner", "properties", "nickname"), "response-optional-property-added", fine},
		"an optional parameter":          {with(tree{"in": "query", "name": "region", "schema": text}, "paths", "/partners", "get", "parameters"), "new-optional-request-parameter", fine},
		"an operation":                   {set(tree{"get": tree{"operationId": "listMoods", "responses": tree{"204": tree{"description": "none"}}}}, "paths", "/moods"), "endpoint-added", fine},
		"a field of an event":            {set(text, "components", "schemas", "MessageDelta", "properties", "mood"), "response-optional-property-added", fine},
		"an event": {all(set(tree{"type": "object", "properties": tree{"type": tree{"const": "message.sighed"}}}, "components", "schemas", "MessageSighed"),
			with(tree{"$ref": "#/components/schemas/MessageSighed"}, "components", "schemas", "MessageEvent", "oneOf")), "stream-event-added", fine},
		"an event of a WebSocket": {all(set(tree{"type": "object", "properties": tree{"type": tree{"const": "room.sighed"}}}, "components", "schemas", "RoomSighed"),
			with(tree{"$ref": "#/components/schemas/RoomSighed"}, "components", "schemas", "RealtimeEvent", "oneOf")), "stream-event-added", fine},
		"a verb of a WebSocket":          {set(tree{"type": "object"}, "components", "schemas", "RealtimeCommand", "properties", "sigh"), "new-optional-request-property", fine},
		"a longer text in a request":     {set(500, "components", "schemas", "SignUpRequest", "properties", "email", "maxLength"), "request-property-max-length-increased", fine},
		"a description":                  {set("Others.", "components", "schemas", "Partner", "description"), "", fine},
		"a schema of another name":       {renamed("MessageDelta", "MessagePiece"), "", fine},
		"a permission":                   {set("administer", "paths", "/learning-plan", "get", "x-permission"), "permission-changed", warning},
		"a default of a parameter":       {func(t *testing.T, doc tree) { at(parameter(t, doc, "/tasks", "limit"), "schema")["default"] = 30 }, "request-parameter-default-value-changed", warning},
		"an extension that others bring": {set("draft", "paths", "/partners", "get", "x-stability-level"), "", fine},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			changes := compared(t, original(t, "v2"), c.alter)
			require.False(t, breaks(changes), listed(changes))
			if c.rule == "" {
				require.Empty(t, changes, listed(changes))
				return
			}
			require.NotEmpty(t, changes)
			for _, said := range changes {
				require.Equal(t, c.rule, said.rule, listed(changes))
				require.Equal(t, c.level, said.level)
			}
		})
	}
}

// renamed gives a schema another name everywhere.
func renamed(from, to string) edit {
	return func(t *testing.T, doc tree) {
		t.Helper()
		all := node(t, doc, "components", "schemas")
		require.Contains(t, all, from)
		all[to] = all[from]
		delete(all, from)
		replace(doc, "#/components/schemas/"+from, "#/components/schemas/"+to)
	}
}

// replace puts one text in the place of another, wherever it is a value.
func replace(node any, from, to string) {
	switch node := node.(type) {
	case []any:
		for _, part := range node {
			replace(part, from, to)
		}
	case tree:
		for key, value := range node {
			if value == from {
				node[key] = to
			}
			replace(value, from, to)
		}
	}
}

// A release says of an enumeration that it may grow; not the document that lets it grow.
func TestOnlyAnEnumerationReleasedAsOpenMayGrow(t *testing.T) {
	t.Parallel()
	grow := with("sighing", "components", "schemas", "MessageStatus", "enum")
	open := set(true, "components", "schemas", "MessageStatus", "x-open-enum")

	changes := compared(t, edited(t, original(t, "v2"), open), grow)
	require.Equal(t, []change{{rule: "open-enum-value-added", level: fine, section: added, places: []string{"`MessageStatus`"}, whole: true, text: "may be `sighing`"}}, changes)

	changes = compared(t, original(t, "v2"), all(open, grow))
	require.True(t, breaks(changes))
	require.Contains(t, listed(changes), "x-open-enum")
}

func TestWhatWidensInAnAnswerIsOnlyWarnedOf(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string]level{
		"response-property-max-length-increased": warning,
		"response-body-max-items-unset":          warning,
		"response-property-min-decreased":        warning,
		"response-property-pattern-removed":      breaking,
		"response-property-type-changed":         breaking,
	} {
		require.Equal(t, want, severity(difference{ID: rule, Level: 3}), rule)
	}
}

// Events are known by their type also where unions are nested, written in place,
// or without a type.
func TestEveryEventOfAStreamHasAName(t *testing.T) {
	t.Parallel()
	doc := tree{"components": tree{"schemas": tree{
		"Inner": tree{"oneOf": []any{tree{"$ref": "#/components/schemas/Late"}, tree{"type": "object"}}},
		"Late":  tree{"properties": tree{"type": tree{"const": "train.late"}}},
		"Plain": tree{"type": "object"},
	}}}
	union := tree{"oneOf": []any{tree{"$ref": "#/components/schemas/Inner"}, tree{"$ref": "#/components/schemas/Plain"}}}
	events := tree{}
	collectEvents(doc, union, "event ", events)
	require.Equal(t, []string{"event 2", "event Plain", "event train.late"}, names(events))
}
