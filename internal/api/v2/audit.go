package v2

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/oapi-codegen/nullable"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/audit"
	"github.com/fluentpro/fluentpro/internal/platform/page"
)

// ListAuditEvents gives one page of the log, what happened last first.
func (s *Server) ListAuditEvents(ctx context.Context, req apiv2.ListAuditEventsRequestObject) (apiv2.ListAuditEventsResponseObject, error) {
	p := req.Params
	in := audit.ListInput{
		Filter: audit.Filter{
			ActorID: p.ActorID, AggregateType: p.AggregateType, AggregateID: p.AggregateID, Type: p.Type,
			RequestID: p.RequestID, From: p.From, To: p.To,
		},
		Limit: valueOr(p.Limit, defaultLimit),
	}
	scope, err := auditScope(in.Filter)
	if err != nil {
		return nil, err
	}
	if p.Cursor != nil {
		in.Before = &audit.Place{}
		if err := s.Cursors.OpenJSON(scope, *p.Cursor, in.Before); err != nil {
			return nil, err
		}
	}
	events, more, err := s.Audit.List(ctx, in)
	if err != nil {
		return nil, err
	}
	out := apiv2.ListAuditEvents200JSONResponse{Data: make([]apiv2.AuditEvent, 0, len(events)), NextCursor: nullable.NewNullNullable[string]()}
	for _, e := range events {
		one, err := ToAPIAuditEvent(e)
		if err != nil {
			return nil, err
		}
		out.Data = append(out.Data, one)
	}
	if more {
		next, err := s.Cursors.SealJSON(scope, events[len(events)-1].Place())
		if err != nil {
			return nil, err
		}
		out.NextCursor = nullable.NewNullableWithValue(next)
	}
	return out, nil
}

// auditScope binds a cursor to its filter.
func auditScope(f audit.Filter) (string, error) {
	text, err := json.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("seal cursor: %w", err)
	}
	return "listAuditEvents/" + string(text), nil
}

// ToAPIAuditEvent translates one entry of the log.
func ToAPIAuditEvent(e audit.Event) (apiv2.AuditEvent, error) {
	out := apiv2.AuditEvent{
		ID: e.ID, Type: e.Type, Version: e.Version, AggregateType: e.AggregateType, AggregateID: e.AggregateID,
		ActorID: orNull(e.ActorID), RequestID: orNull(e.RequestID), CausationID: orNull(e.CausationID),
		OccurredAt: e.OccurredAt, RecordedAt: e.RecordedAt,
	}
	decoder := json.NewDecoder(bytes.NewReader(e.Data))
	decoder.UseNumber() // a float would round large numbers
	if err := decoder.Decode(&out.Data); err != nil {
		return out, fmt.Errorf("read data of event %s: %w", e.ID, err)
	}
	return out, nil
}

// ExportAuditEvents gives all of the log that the filters choose.
func (s *Server) ExportAuditEvents(ctx context.Context, req apiv2.ExportAuditEventsRequestObject) (apiv2.ExportAuditEventsResponseObject, error) {
	p := req.Params
	return auditExport{ctx: ctx, server: s, filter: audit.Filter{
		ActorID: p.ActorID, AggregateType: p.AggregateType, AggregateID: p.AggregateID, Type: p.Type,
		RequestID: p.RequestID, From: p.From, To: p.To,
	}}, nil
}

// auditExport is the answer of exportAuditEvents.
type auditExport struct {
	ctx    context.Context
	server *Server
	filter audit.Filter
}

// VisitExportAuditEventsResponse writes it.
func (a auditExport) VisitExportAuditEventsResponse(w http.ResponseWriter) error {
	return export(a.ctx, w, a.server, page.Stream[audit.Event, audit.Place]{
		Read: a.server.Audit.Export(a.filter), Key: audit.Event.Place, Append: appendAuditEvent,
	})
}

// appendAuditEvent writes what ToAPIAuditEvent amounts to. It is by hand: the
// encoder and the map of data would take longer than all the rest of an export.
func appendAuditEvent(dst []byte, e audit.Event) ([]byte, error) {
	dst = appendUUID(append(dst, `{"id":`...), e.ID)
	dst = appendText(append(dst, `,"type":`...), e.Type)
	dst = strconv.AppendInt(append(dst, `,"version":`...), int64(e.Version), 10)
	dst = appendText(append(dst, `,"aggregate_type":`...), e.AggregateType)
	dst = appendUUID(append(dst, `,"aggregate_id":`...), e.AggregateID)
	dst = appendUUIDOrNull(append(dst, `,"actor_id":`...), e.ActorID)
	dst = appendTextOrNull(append(dst, `,"request_id":`...), e.RequestID)
	dst = appendUUIDOrNull(append(dst, `,"causation_id":`...), e.CausationID)
	dst = appendTime(append(dst, `,"occurred_at":`...), e.OccurredAt)
	dst = appendTime(append(dst, `,"recorded_at":`...), e.RecordedAt)
	dst = append(append(dst, `,"data":`...), e.Data...) // jsonb has no line breaks
	return append(dst, '}'), nil
}
