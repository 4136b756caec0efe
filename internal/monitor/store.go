package monitor

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// store is this package's part of the database.
type store struct {
	pool *pgxpool.Pool
	q    db.Queries
}

func failed(what string, err error) error {
	if err == nil {
		return nil
	}
	return postgres.Translate(fmt.Errorf("%s: %w", what, err))
}

// prepare gives each probe a row.
func (s *store) prepare(ctx context.Context, probes []Probe, at time.Time) error {
	for _, p := range probes {
		if err := s.q.PrepareProbe(ctx, s.pool, db.PrepareProbeParams{Name: p.Name, Pace: p.Pace, Lease: p.lease(), At: at}); err != nil {
			return failed("prepare probe", err)
		}
	}
	return nil
}

// claim takes the runs that are due.
func (s *store) claim(ctx context.Context, probes []Probe, node uuid.UUID, at time.Time) ([]run, error) {
	names := make([]string, len(probes))
	for i, p := range probes {
		names[i] = p.Name
	}
	rows, err := s.q.ClaimProbes(ctx, s.pool, db.ClaimProbesParams{Node: &node, At: at, Names: names})
	if err != nil {
		return nil, failed("claim probes", err)
	}
	var runs []run
	for _, r := range rows {
		for _, p := range probes {
			if p.Name == r.Name {
				runs = append(runs, run{p, r.Run})
			}
		}
	}
	return runs, nil
}

// lock reads a probe for a run; newest is whether that is still its own.
func (s *store) lock(ctx context.Context, tx postgres.Tx, r run) (state State, newest bool, err error) {
	row, err := s.q.ProbeForUpdate(ctx, tx, db.ProbeForUpdateParams{Name: r.probe.Name, Run: r.number})
	if postgres.NoRows(err) {
		return State{}, false, nil
	}
	if err != nil {
		return State{}, false, failed("read probe", err)
	}
	return toState(row), true, nil
}

func (s *store) keep(ctx context.Context, tx postgres.Tx, p State, due time.Time) error {
	return failed("keep probe", s.q.UpdateProbe(ctx, tx, db.UpdateProbeParams{
		Name: p.Name, State: p.State, Since: p.Since, Value: p.Value, Unit: p.Unit, Detail: p.Detail, CheckedAt: p.CheckedAt, Worse: p.Worse,
		Better: p.Better, Leaning: p.Leaning, Flaps: p.Flaps, CalmSince: p.CalmSince, DueAt: due,
	}))
}

func (s *store) keepReading(ctx context.Context, tx postgres.Tx, name string, at time.Time, r Reading, node uuid.UUID) error {
	return failed("keep reading", s.q.InsertReading(ctx, tx, db.InsertReadingParams{Name: name, At: at, Level: r.Level, Value: r.Value, Node: node}))
}

func (s *store) keepChange(ctx context.Context, tx postgres.Tx, c Change, channels []string) error {
	err := s.q.InsertProbeChange(ctx, tx, db.InsertProbeChangeParams{
		ID: c.ID, Name: c.Name, At: c.At, Previous: c.Previous, State: c.State, Value: c.Value, Unit: c.Unit, Detail: c.Detail, Node: c.Node,
	})
	if err != nil || len(channels) == 0 {
		return failed("keep change", err)
	}
	return failed("keep alerts", s.q.InsertAlerts(ctx, tx, db.InsertAlertsParams{ChangeID: c.ID, At: c.At, Channels: channels}))
}

func (s *store) claimAlerts(ctx context.Context, channels []string, at, until time.Time) ([]alert, error) {
	rows, err := s.q.ClaimAlerts(ctx, s.pool, db.ClaimAlertsParams{At: at, HeldUntil: until, Channels: channels, MaxRows: alertBite})
	if err != nil {
		return nil, failed("claim alerts", err)
	}
	all := make([]alert, len(rows))
	for i, r := range rows {
		all[i] = alert{
			Change:  Change{ID: r.ID, Name: r.Name, At: r.At.UTC(), Previous: r.Previous, State: r.State, Value: r.Value, Unit: r.Unit, Detail: r.Detail, Node: r.Node},
			channel: r.Channel, attempt: r.Attempts,
		}
	}
	return all, nil
}

func (s *store) endAlert(ctx context.Context, a alert, at time.Time, lost bool) error {
	return failed("end alert", s.q.EndAlert(ctx, s.pool, db.EndAlertParams{ChangeID: a.ID, Channel: a.channel, At: &at, Failed: lost}))
}

func (s *store) putOff(ctx context.Context, a alert, due time.Time) error {
	return failed("put off alert", s.q.PutOffAlert(ctx, s.pool, db.PutOffAlertParams{ChangeID: a.ID, Channel: a.channel, DueAt: due}))
}

// beat says that a node is there, and gives what all nodes have found.
func (s *store) beat(ctx context.Context, n Node) ([]State, error) {
	err := s.q.SeeNode(ctx, s.pool, db.SeeNodeParams{
		ID: n.ID, Host: n.Host, Version: n.Version, StartedAt: n.StartedAt, SeenAt: n.SeenAt, Level: n.Level, Detail: n.Detail,
	})
	if err != nil {
		return nil, failed("see node", err)
	}
	return s.states(ctx)
}

func (s *store) leave(ctx context.Context, node uuid.UUID, at time.Time) error {
	return failed("stop node", s.q.StopNode(ctx, s.pool, db.StopNodeParams{ID: node, At: &at}))
}

func (s *store) states(ctx context.Context) ([]State, error) {
	rows, err := s.q.MonitorProbes(ctx, s.pool)
	if err != nil {
		return nil, failed("list probes", err)
	}
	all := make([]State, len(rows))
	for i, r := range rows {
		all[i] = toState(r)
	}
	return all, nil
}

func (s *store) changes(ctx context.Context, limit int) ([]Change, error) {
	rows, err := s.q.ProbeChanges(ctx, s.pool, limit)
	if err != nil {
		return nil, failed("list changes", err)
	}
	all := make([]Change, len(rows))
	for i, r := range rows {
		all[i] = Change{ID: r.ID, Name: r.Name, At: r.At.UTC(), Previous: r.Previous, State: r.State, Value: r.Value, Unit: r.Unit, Detail: r.Detail, Node: r.Node}
	}
	return all, nil
}

// nodesSince gives the nodes that were heard of since.
func (s *store) nodesSince(ctx context.Context, since time.Time) ([]Node, error) {
	rows, err := s.q.MonitorNodes(ctx, s.pool, since)
	if err != nil {
		return nil, failed("list nodes", err)
	}
	all := make([]Node, len(rows))
	for i, r := range rows {
		all[i] = Node{
			ID: r.ID, Host: r.Host, Version: r.Version, StartedAt: r.StartedAt.UTC(), SeenAt: r.SeenAt.UTC(), StoppedAt: utc(r.StoppedAt),
			Level: r.Level, Detail: r.Detail,
		}
	}
	return all, nil
}

// sweep deletes what is from before a time, and says how much of the fullest table.
func (s *store) sweep(ctx context.Context, before time.Time, bite int) (int64, error) {
	readings, err := s.q.DeleteOldReadings(ctx, s.pool, db.DeleteOldReadingsParams{Before: before, MaxRows: bite})
	if err != nil {
		return 0, failed("sweep readings", err)
	}
	changes, err := s.q.DeleteOldProbeChanges(ctx, s.pool, db.DeleteOldProbeChangesParams{Before: before, MaxRows: bite})
	if err != nil {
		return 0, failed("sweep changes", err)
	}
	return max(readings, changes), failed("sweep nodes", s.q.DeleteOldNodes(ctx, s.pool, before))
}

// touch proves that the database takes writes.
func touch(ctx context.Context, pool *pgxpool.Pool) error {
	return failed("touch", new(db.Queries).TouchProbe(ctx, pool, NameDatabase))
}

func toState(r db.MonitorProbe) State {
	return State{
		Name: r.Name, State: r.State, Since: r.Since.UTC(), Value: r.Value, Unit: r.Unit, Detail: r.Detail, CheckedAt: utc(r.CheckedAt), Pace: r.Pace,
		track: track{Worse: r.Worse, Better: r.Better, Leaning: r.Leaning, Flaps: r.Flaps, CalmSince: r.CalmSince.UTC()},
	}
}

func utc(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	moved := at.UTC()
	return &moved
}
