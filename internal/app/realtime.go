package app

import (
	"context"

	"github.com/fluentpro/fluentpro/internal/api"
	"github.com/fluentpro/fluentpro/internal/api/realtime"
	"github.com/fluentpro/fluentpro/internal/platform/cursor"
	"github.com/fluentpro/fluentpro/internal/platform/gate"
	"github.com/fluentpro/fluentpro/internal/platform/presence"
	"github.com/fluentpro/fluentpro/internal/platform/ticket"
	"github.com/fluentpro/fluentpro/internal/room"
)

// live is what has connections that last.
type live struct {
	tickets *ticket.Tickets
	sockets *realtime.Server
}

// wireLive makes what is told as it happens, and who is there to hear it.
func (a *App) wireLive(ctx context.Context, n *nouns, limits map[string]gate.Limit, cursors *cursor.Sealer, cfg Config, opts Options) live {
	l := live{tickets: ticket.New(ticket.Config{Client: a.redis})}
	var rooms *room.Service
	a.presence = presence.New(presence.Config{
		Client: a.redis, Log: a.log, Logger: a.logger, Beat: opts.PresenceBeat,
		Vanished: func(ctx context.Context, group string, gone []presence.Member) { rooms.Lost(ctx, group, gone) },
		Received: func(message []byte) { l.sockets.Receive(message) },
	})
	rooms = room.New(room.Deps{Presence: a.presence, Log: a.log, Logger: a.logger, Now: opts.Now})
	l.sockets = realtime.New(realtime.Deps{
		Accounts: n.accounts, Conversations: n.conversations, Tasks: n.tasks, Activity: n.activity, Rooms: rooms, Presence: a.presence,
		Tickets: l.tickets, Gate: a.gate, Cursors: cursors, Limits: limits, May: api.May, Origins: cfg.AllowedOrigins,
		Draining: a.draining, Logger: a.logger, Now: opts.Now, PingEvery: opts.PingEvery, ConnectWait: opts.ConnectWait,
	})
	a.sockets = l.sockets
	a.presence.Start(ctx)
	return l
}
