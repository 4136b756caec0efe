package realtime

import (
	"encoding/json"
	"log/slog"
	"maps"
	"math"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// path is what problems of frames call their instance.
const path = "/api/v2/realtime"

// command is apiv2.RealtimeCommand, with what is passed on left as it is written.
type command struct {
	ID            string                       `json:"id"`
	Connect       *apiv2.RealtimeConnect       `json:"connect"`
	Ping          json.RawMessage              `json:"ping"`
	Echo          json.RawMessage              `json:"echo"`
	Subscribe     *apiv2.RealtimeSubscribe     `json:"subscribe"`
	Unsubscribe   *apiv2.RealtimeTopic         `json:"unsubscribe"`
	SendMessage   *apiv2.RealtimeSendMessage   `json:"send_message"`
	CancelMessage *apiv2.RealtimeCancelMessage `json:"cancel_message"`
	Publish       *publishing                  `json:"publish"`
	Presence      *apiv2.RealtimeTopic         `json:"presence"`
}

// publishing is apiv2.RealtimePublish with its data as it is written.
type publishing struct {
	Topic string          `json:"topic"`
	Data  json.RawMessage `json:"data"`
}

// take carries out one frame. One that is no command at all, so that no reply could name
// it, ends the connection; a command against the contract gets an error.
func (c *conn) take(text []byte) {
	if !c.pace.take(c.server.now()) {
		c.close(verdictTooFast)
		return
	}
	if id, echoed := quickEcho(text); id != nil && c.known.Load() {
		c.server.metrics.echoes.Inc()
		c.echo(id, echoed)
		return
	}
	value, err := c.server.commands.Decode(text)
	object, _ := value.(map[string]any)
	id, _ := object["id"].(string)
	if err != nil || id == "" {
		c.close(verdictBadFrame)
		return
	}
	var cmd command
	if err = c.server.commands.Check(value); err == nil {
		err = json.Unmarshal(text, &cmd)
	}
	stranger := c.identity().UserID == uuid.Nil
	switch {
	case err != nil && stranger:
		c.refuse(id, err)
		c.close(verdictNotKnown)
	case err != nil:
		c.refuse(id, err)
	case cmd.Connect != nil:
		c.server.metrics.commands.Of(commandConnect).Inc()
		c.connect(id, *cmd.Connect)
	case stranger:
		c.refuse(id, fault.New(fault.Unauthenticated, "auth.required", "The first command must be connect."))
		c.close(verdictNotKnown)
	default:
		c.carryOut(cmd)
	}
}

// carryOut does what someone known asks for, but connect.
func (c *conn) carryOut(cmd command) {
	c.server.metrics.commands.Of(cmd.name()).Inc()
	var result any
	var err error
	switch {
	case cmd.Echo != nil:
		id, _ := json.Marshal(cmd.ID) // a string always can be
		c.echo(id, cmd.Echo)
		return
	case cmd.Ping != nil:
		result = struct{}{}
	case cmd.Subscribe != nil:
		c.subscribe(cmd.ID, *cmd.Subscribe)
		return
	case cmd.Unsubscribe != nil:
		result, err = c.unsubscribe(cmd.Unsubscribe.Topic)
	case cmd.SendMessage != nil:
		result, err = c.send(*cmd.SendMessage)
	case cmd.CancelMessage != nil:
		result, err = c.cancel(*cmd.CancelMessage)
	case cmd.Publish != nil:
		result, err = c.publish(*cmd.Publish)
	case cmd.Presence != nil:
		result, err = c.presence(cmd.Presence.Topic)
	}
	if err != nil {
		c.refuse(cmd.ID, err)
		return
	}
	c.reply(cmd.ID, result)
}

// name is what a command is called in the contract, of those but connect.
func (cmd command) name() string {
	switch {
	case cmd.Echo != nil:
		return commandEcho
	case cmd.Ping != nil:
		return commandPing
	case cmd.Subscribe != nil:
		return commandSubscribe
	case cmd.Unsubscribe != nil:
		return commandUnsubscribe
	case cmd.SendMessage != nil:
		return commandSend
	case cmd.CancelMessage != nil:
		return commandCancel
	case cmd.Publish != nil:
		return commandPublish
	default:
		return commandPresence
	}
}

// echo answers without taking apart what it was given.
func (c *conn) echo(id, echoed []byte) {
	n := len(`{"id":,"result":}`) + len(id) + len(echoed)
	out := appendHeader(make([]byte, 0, maxHeader+n), opText, n)
	out = append(out, `{"id":`...)
	out = append(out, id...)
	out = append(out, `,"result":`...)
	out = append(out, echoed...)
	c.sent(c.write(append(out, '}')))
}

func (c *conn) reply(id string, result any) {
	c.sent(c.say(replied{ID: id, Result: result}))
}

// refuse answers a command with a problem. The cause of what is our own fault is logged.
func (c *conn) refuse(id string, err error) {
	c.sent(c.say(replied{ID: id, Error: c.problem(err)}))
}

func (c *conn) problem(err error) *web.Problem {
	p := web.Describe(err)
	c.server.metrics.problems.WithLabelValues(p.Code).Inc()
	p.Instance, p.RequestID = path, web.RequestIDFrom(c.began)
	if p.RetryAfter > 0 { // a frame has no header to say so
		p.Extra = maps.Clone(p.Extra)
		if p.Extra == nil {
			p.Extra = map[string]any{}
		}
		p.Extra["retry_after_seconds"] = math.Ceil(p.RetryAfter.Seconds())
	}
	if p.Status >= 500 {
		c.server.log(c.began, slog.LevelWarn, "websocket command failed", c, slog.String("code", p.Code), slog.String("error", err.Error()))
	}
	return &p
}

// sent gives the connection up when a write has failed.
func (c *conn) sent(err error) {
	if err != nil {
		c.close(verdictTooSlow)
	}
}

func (c *conn) identity() web.Identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.who
}
