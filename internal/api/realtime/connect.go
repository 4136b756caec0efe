package realtime

import (
	"context"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// connect says who one is, or that one still is, and brings back what was subscribed to.
// Who cannot prove who they are is told why and closed.
func (c *conn) connect(id string, in apiv2.RealtimeConnect) {
	known := c.identity()
	switch {
	case in.Token != nil:
		who, err := c.prove(*in.Token)
		if err == nil && known.UserID != uuid.Nil && (who.UserID != known.UserID || who.SessionID != known.SessionID) {
			err = fault.New(fault.Forbidden, "auth.forbidden", "The token is of another session than the connection; open another connection for it.")
		}
		if err != nil {
			c.refuse(id, err)
			if known.UserID == uuid.Nil {
				c.close(verdictNotKnown)
			}
			return
		}
		if known.UserID == uuid.Nil {
			c.server.countStranger(c.address, -1)
			c.enter(who)
		} else {
			c.renew(who)
		}
	case known.UserID == uuid.Nil:
		c.refuse(id, fault.New(fault.Unauthenticated, "auth.required", "The first connect must hold an access token."))
		c.close(verdictNotKnown)
		return
	}
	c.connected(id, in.Resume)
}

func (c *conn) prove(token string) (web.Identity, error) {
	client := web.ClientFrom(c.began)
	p, pass, err := c.server.Accounts.Authenticate(c.ctx, account.AuthenticateInput{
		Token: token, Limit: c.server.Limits["api"], Client: account.Client{Address: client.Address, UserAgent: client.UserAgent},
	})
	if err == nil && !pass.Allowed {
		err = fault.New(fault.TooMany, "request.rate_limited", "Too many requests; wait as long as Retry-After says.").WithRetryAfter(pass.RetryAfter)
	}
	return web.Identity{UserID: p.UserID, SessionID: p.SessionID, Roles: p.Roles, ExpiresAt: p.ExpiresAt}, err
}

// connected answers connect, with what has come back, and only then lets it flow.
func (c *conn) connected(id string, resume *[]apiv2.RealtimeSubscribe) {
	who := c.identity()
	out := connected{RealtimeConnected: apiv2.RealtimeConnected{
		ConnectionID: c.id, UserID: who.UserID, SessionID: who.SessionID, ExpiresAt: who.ExpiresAt.UTC(),
		PingSeconds: max(1, int(c.server.PingEvery.Seconds())),
	}, Subscriptions: []subscribed{}}
	var opened []*subscription
	if resume != nil {
		for _, wanted := range *resume {
			sub, told := c.open(wanted)
			out.Subscriptions = append(out.Subscriptions, told)
			if sub != nil {
				opened = append(opened, sub)
			}
		}
	}
	c.reply(id, out)
	for _, sub := range opened {
		if c.holds(sub) {
			c.flow(sub)
		}
	}
	c.describe()
}

// connected is the result of connect.
type connected struct {
	apiv2.RealtimeConnected
	Subscriptions []subscribed `json:"subscriptions"` // hides those of RealtimeConnected
}

// enter is when it is known who connects: from then on the connection ends with the
// session and the token, and counts for its user.
func (c *conn) enter(who web.Identity) {
	c.mu.Lock()
	c.who = who
	c.release = c.server.Accounts.AfterSession(who.SessionID, func() { c.close(verdictRevoked) })
	c.ctx = telemetry.WithOrigin(web.WithIdentity(c.ctx, who), telemetry.Origin{ActorID: who.UserID, CorrelationID: web.RequestIDFrom(c.began)})
	c.mu.Unlock()
	c.known.Store(true)
	c.rewind()
	c.server.admit(c, who)
}

// renew takes a token of the same session, with what its user may do now.
func (c *conn) renew(who web.Identity) {
	c.mu.Lock()
	c.who = who
	c.mu.Unlock()
	c.rewind()
}

// may reports whether the user has a permission of the contract.
func (c *conn) may(permission string) error {
	if !c.server.May(permission, c.identity().Roles) {
		return fault.New(fault.Forbidden, "auth.forbidden", "Your role does not permit this.")
	}
	return nil
}

// fullName is the user's name as others in a room see it; read once.
func (c *conn) fullName(ctx context.Context) (string, error) {
	if c.name == "" {
		user, err := c.server.Accounts.User(ctx, c.identity().UserID)
		if err != nil {
			return "", err
		}
		c.name = user.FullName
	}
	return c.name, nil
}
