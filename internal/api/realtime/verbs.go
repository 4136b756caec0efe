package realtime

import (
	"github.com/fluentpro/fluentpro/gen/apiv2"
	v2 "github.com/fluentpro/fluentpro/internal/api/v2"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/room"
)

// send is createMessage: the same rules, the same limit, the same idempotency.
func (c *conn) send(in apiv2.RealtimeSendMessage) (any, error) {
	if err := c.may("practise"); err != nil {
		return nil, err
	}
	who := c.identity()
	if pass := c.server.Gate.Take(c.ctx, who.UserID.String(), c.server.Limits["messages"]); !pass.Allowed {
		return nil, fault.New(fault.TooMany, "request.rate_limited", "Too many messages; wait as long as Retry-After says.").WithRetryAfter(pass.RetryAfter)
	}
	input := conversation.SendInput{UserID: who.UserID, ConversationID: in.ConversationID, Content: in.Content, IdempotencyKey: in.IdempotencyKey}
	if in.Metadata != nil {
		input.Metadata = *in.Metadata
	}
	sent, err := c.server.Conversations.Send(c.ctx, input)
	if err != nil {
		return nil, err
	}
	return apiv2.CreateMessageResult{Message: v2.ToAPIMessage(sent.Message), Reply: v2.ToAPIMessage(sent.Reply)}, nil
}

// cancel is cancelMessage.
func (c *conn) cancel(in apiv2.RealtimeCancelMessage) (any, error) {
	if err := c.may("practise"); err != nil {
		return nil, err
	}
	m, err := c.server.Conversations.Cancel(c.ctx, c.identity().UserID, in.ConversationID, in.MessageID)
	if err != nil {
		return nil, err
	}
	return v2.ToAPIMessage(m), nil
}

var errNotAMember = fault.New(fault.Forbidden, "room.not_a_member", "Subscribe to the room first.")

// publish says something in a room that one is in.
func (c *conn) publish(in publishing) (any, error) {
	name, err := c.memberOf(in.Topic)
	if err != nil {
		return nil, err
	}
	fullName, err := c.fullName(c.ctx)
	if err != nil {
		return nil, err
	}
	at, err := c.server.Rooms.Publish(c.ctx, room.PublishInput{Room: name, UserID: c.identity().UserID, Name: fullName, Data: in.Data})
	if err != nil {
		return nil, err
	}
	cursor, err := c.server.sealRoom(name, at)
	return apiv2.RealtimePublished{Cursor: cursor}, err
}

// presence tells who is in a room that one is in.
func (c *conn) presence(topic string) (any, error) {
	name, err := c.memberOf(topic)
	if err != nil {
		return nil, err
	}
	members, err := c.server.Rooms.Members(c.ctx, name)
	if err != nil {
		return nil, err
	}
	out := apiv2.RoomMembers{Members: make([]apiv2.RoomMember, 0, len(members))}
	for _, m := range members {
		out.Members = append(out.Members, toAPIMember(m))
	}
	return out, nil
}

// memberOf gives the name of a room that the connection is in.
func (c *conn) memberOf(topic string) (string, error) {
	t, err := parseTopic(topic)
	if err != nil {
		return "", err
	}
	if t.kind != topicRoom || !c.subscribed(topic) {
		return "", errNotAMember
	}
	return t.name, nil
}

func toAPIMember(m room.Member) apiv2.RoomMember {
	return apiv2.RoomMember{UserID: m.UserID, Name: m.Name, JoinedAt: m.JoinedAt.UTC()}
}
