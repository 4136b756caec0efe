package realtime

import (
	"strings"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/room"
)

// Kinds of topics.
const (
	topicConversation = "conversation"
	topicTask         = "task"
	topicUser         = "user"
	topicRoom         = "room"
)

// topicConnection is the topic of what concerns the connection itself.
const topicConnection = "connection"

// topic is what can be subscribed to.
type topic struct {
	kind string
	id   uuid.UUID // of a conversation or a task
	name string    // of a room
}

var errUnknownTopic = fault.New(fault.Malformed, "realtime.unknown_topic",
	"A topic is conversation:{id}, task:{id}, user:me or room:{name}, the name of 3 to 64 of a-z, 0-9 and -.")

// parseTopic reads a topic. Fault: realtime.unknown_topic.
func parseTopic(text string) (t topic, err error) {
	kind, rest, _ := strings.Cut(text, ":")
	t.kind = kind
	switch kind {
	case topicConversation, topicTask:
		if t.id, err = uuid.Parse(rest); err != nil || t.id.String() != rest {
			return t, errUnknownTopic
		}
	case topicUser:
		if rest != "me" {
			return t, errUnknownTopic
		}
	case topicRoom:
		if t.name = rest; !room.ValidName(rest) {
			return t, errUnknownTopic
		}
	default:
		return t, errUnknownTopic
	}
	return t, nil
}
