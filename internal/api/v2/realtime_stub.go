package v2

import (
	"context"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

var errNotServed = fault.New(fault.Unavailable, "server.unavailable", "This is not served here.")

// ConnectRealtime is not served here.
func (s *Server) ConnectRealtime(context.Context, apiv2.ConnectRealtimeRequestObject) (apiv2.ConnectRealtimeResponseObject, error) {
	return nil, errNotServed
}

// CreateRealtimeTicket is not served here.
func (s *Server) CreateRealtimeTicket(context.Context, apiv2.CreateRealtimeTicketRequestObject) (apiv2.CreateRealtimeTicketResponseObject, error) {
	return nil, errNotServed
}

// ListConnections is not served here.
func (s *Server) ListConnections(context.Context, apiv2.ListConnectionsRequestObject) (apiv2.ListConnectionsResponseObject, error) {
	return nil, errNotServed
}

// DisconnectUser is not served here.
func (s *Server) DisconnectUser(context.Context, apiv2.DisconnectUserRequestObject) (apiv2.DisconnectUserResponseObject, error) {
	return nil, errNotServed
}
