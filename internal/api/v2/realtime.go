package v2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/ticket"
)

// Sockets are the WebSockets of all nodes.
type Sockets interface {
	// Connect checks a handshake and gives the answer that opens the WebSocket.
	Connect(ctx context.Context, r *http.Request, ticket string) (apiv2.ConnectRealtimeResponseObject, error)
	// Connections lists those that are open, the newest first, after the id before.
	Connections(ctx context.Context, before string, limit int) ([]apiv2.Connection, bool, error)
	// Disconnect closes all of a user.
	Disconnect(ctx context.Context, user uuid.UUID) error
}

// ConnectRealtime opens a WebSocket.
func (s *Server) ConnectRealtime(ctx context.Context, req apiv2.ConnectRealtimeRequestObject) (apiv2.ConnectRealtimeResponseObject, error) {
	return s.Sockets.Connect(ctx, web.RequestFrom(ctx), valueOr(req.Params.Ticket, ""))
}

// TicketFor is what a ticket is good for.
type TicketFor struct {
	UserID    uuid.UUID `json:"user_id"`
	SessionID uuid.UUID `json:"session_id"`
	ExpiresAt time.Time `json:"expires_at"` // of the token that it was got with
	Origin    string    `json:"origin"`     // of the page that asked for it; empty: no browser's
}

// CreateRealtimeTicket gives a ticket for one connection of the session that asks.
func (s *Server) CreateRealtimeTicket(ctx context.Context, _ apiv2.CreateRealtimeTicketRequestObject) (apiv2.CreateRealtimeTicketResponseObject, error) {
	who := web.IdentityFrom(ctx)
	value, err := json.Marshal(TicketFor{
		UserID: who.UserID, SessionID: who.SessionID, ExpiresAt: who.ExpiresAt, Origin: web.RequestFrom(ctx).Header.Get("Origin"),
	})
	if err != nil {
		return nil, fmt.Errorf("make a ticket: %w", err)
	}
	issued, err := s.Tickets.Issue(ctx, value)
	if err != nil {
		return nil, TicketFault(err)
	}
	return apiv2.CreateRealtimeTicket201JSONResponse{Ticket: issued, ExpiresIn: int(s.Tickets.Lifetime().Seconds())}, nil
}

var errInvalidTicket = fault.New(fault.Unauthenticated, "realtime.invalid_ticket", "The ticket is unknown, was used, has expired, or was given to a page of another origin.")

// ReadTicket reads what a ticket is good for, if it was given to who shows it. Fault:
// realtime.invalid_ticket.
func ReadTicket(value []byte, origin string) (t TicketFor, err error) {
	if err := json.Unmarshal(value, &t); err != nil {
		return t, errInvalidTicket.WithCause(err)
	}
	if t.Origin != origin {
		return t, errInvalidTicket
	}
	return t, nil
}

// TicketFault is what an error of the tickets amounts to.
func TicketFault(err error) error {
	switch {
	case errors.Is(err, ticket.ErrUnknown):
		return errInvalidTicket.WithCause(err)
	case errors.Is(err, ticket.ErrUnavailable):
		return fault.New(fault.Unavailable, "server.unavailable", "Tickets cannot be reached now; try again shortly, or connect with the token.").WithCause(err)
	}
	return err
}

const connectionsScope = "listConnections"

// ListConnections gives one page of the open WebSockets, the newest first.
func (s *Server) ListConnections(ctx context.Context, req apiv2.ListConnectionsRequestObject) (apiv2.ListConnectionsResponseObject, error) {
	before := ""
	if req.Params.Cursor != nil {
		if err := s.Cursors.OpenJSON(connectionsScope, *req.Params.Cursor, &before); err != nil {
			return nil, err
		}
	}
	connections, more, err := s.Sockets.Connections(ctx, before, valueOr(req.Params.Limit, defaultLimit))
	if err != nil {
		return nil, err
	}
	out := apiv2.ListConnections200JSONResponse{Data: connections, NextCursor: nullable.NewNullNullable[string]()}
	if more && len(connections) > 0 {
		next, err := s.Cursors.SealJSON(connectionsScope, connections[len(connections)-1].ID)
		if err != nil {
			return nil, err
		}
		out.NextCursor = nullable.NewNullableWithValue(next)
	}
	return out, nil
}

// DisconnectUser closes a user's WebSockets.
func (s *Server) DisconnectUser(ctx context.Context, req apiv2.DisconnectUserRequestObject) (apiv2.DisconnectUserResponseObject, error) {
	if _, err := s.Accounts.User(ctx, req.UserID); err != nil {
		return nil, err
	}
	if err := s.Sockets.Disconnect(ctx, req.UserID); err != nil {
		return nil, err
	}
	return apiv2.DisconnectUser204Response{}, nil
}
