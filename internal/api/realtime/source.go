package realtime

import (
	"github.com/fluentpro/fluentpro/gen/apiv2"
)

// attach gives a subscription its source, and says where it begins.
func (c *conn) attach(sub *subscription, t topic, after string, told *apiv2.RealtimeSubscribed) error {
	switch t.kind {
	case topicConversation:
		return c.attachConversation(sub, t.id, after, told)
	case topicTask:
		return c.attachTask(sub, t.id, after, told)
	case topicUser:
		return c.attachUser(sub, after, told)
	default:
		return c.attachRoom(sub, t.name, after, told)
	}
}

// restarted says that events were lost.
var restarted = apiv2.StreamRestarted{Type: apiv2.StreamRestartedTypeStreamRestarted}

func closing(reason apiv2.StreamClosingReason) apiv2.StreamClosing {
	return apiv2.StreamClosing{Type: apiv2.StreamClosingTypeStreamClosing, Reason: reason, RetryMs: returnMillis()}
}
