package v2

import (
	"context"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/monitor"
)

// defaultChanges is how many changes getSystemStatus shows.
const defaultChanges = 20

// GetSystemStatus tells how the service is, by its probes.
func (s *Server) GetSystemStatus(ctx context.Context, req apiv2.GetSystemStatusRequestObject) (apiv2.GetSystemStatusResponseObject, error) {
	o, err := s.Monitor.Overview(ctx, valueOr(req.Params.Changes, defaultChanges))
	if err != nil {
		return nil, err
	}
	return apiv2.GetSystemStatus200JSONResponse(ToAPISystemStatus(o)), nil
}

// ToAPISystemStatus gives an overview its form in the contract.
func ToAPISystemStatus(o monitor.Overview) apiv2.SystemStatus {
	out := apiv2.SystemStatus{
		State: apiv2.SystemStatusState(o.State), At: o.At, Probes: make([]apiv2.ProbeStatus, 0, len(o.Probes)),
		Changes: make([]apiv2.ProbeChange, 0, len(o.Changes)), Nodes: make([]apiv2.NodeStatus, 0, len(o.Nodes)),
	}
	for _, p := range o.Probes {
		out.Probes = append(out.Probes, apiv2.ProbeStatus{
			Name: p.Name, State: apiv2.ProbeState(p.State), Since: p.Since, Value: p.Value, Unit: p.Unit, Detail: p.Detail,
			CheckedAt: orNull(p.CheckedAt), PaceSeconds: p.Pace.Seconds(), IsStale: p.Stale,
		})
	}
	for _, c := range o.Changes {
		out.Changes = append(out.Changes, apiv2.ProbeChange{
			ID: c.ID, Probe: c.Name, At: c.At, Previous: apiv2.ProbeState(c.Previous), State: apiv2.ProbeState(c.State), Value: c.Value,
			Unit: c.Unit, Detail: c.Detail, NodeID: c.Node,
		})
	}
	for _, n := range o.Nodes {
		out.Nodes = append(out.Nodes, apiv2.NodeStatus{
			ID: n.ID, Host: n.Host, Version: n.Version, StartedAt: n.StartedAt, SeenAt: n.SeenAt, StoppedAt: orNull(n.StoppedAt),
			State: apiv2.ProbeState(n.Level), Detail: n.Detail,
		})
	}
	return out
}
