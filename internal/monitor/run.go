package monitor

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// run is a claimed run of a probe.
type run struct {
	probe  Probe
	number int64
}

// maxDetail bounds a detail, in bytes.
const maxDetail = 300

// read looks once. What goes wrong is a failing reading, by the kind of the error alone:
// its text may hold an address.
func (p Probe) read(ctx context.Context) (r Reading) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.Timeout, fmt.Errorf("not done within %s", p.Timeout))
	defer cancel()
	began := time.Now()
	defer func() {
		if broken := recover(); broken != nil {
			r = Reading{Level: Failing, Value: time.Since(began).Seconds(), Unit: UnitSeconds, Detail: "the probe panicked"}
		}
	}()
	r, err := p.Look(ctx)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		r = Reading{Level: Failing, Value: time.Since(began).Seconds(), Unit: UnitSeconds, Detail: context.Cause(ctx).Error()}
	default:
		r = Reading{Level: Failing, Value: time.Since(began).Seconds(), Unit: UnitSeconds, Detail: Plainly(err)}
	}
	if len(r.Detail) > maxDetail {
		r.Detail = strings.ToValidUTF8(r.Detail[:maxDetail], "")
	}
	return r
}

// runProbe runs a claimed probe and stores what it found, also when its time is up.
func (s *Service) runProbe(ctx context.Context, r run) {
	reading := r.probe.read(ctx)
	if ctx.Err() != nil {
		return // the node stops; another takes the run over
	}
	ctx, cancel := context.WithTimeout(ctx, roundLimit)
	defer cancel()
	change, err := s.record(ctx, r, reading)
	switch {
	case err != nil:
		s.say(ctx, "a reading of "+r.probe.Name+" could not be stored", err)
	case change != nil:
		s.mu.Lock()
		s.beat = time.Time{} // this node's /readyz and metrics know it at once
		s.mu.Unlock()
		s.logger.Log(ctx, levelOf(change.State), "a part of the service has changed", slog.String("probe", change.Name),
			slog.String("previous", change.Previous), slog.String("state", change.State), slog.Float64("value", change.Value),
			slog.String("unit", change.Unit), slog.String("detail", change.Detail), slog.String("change_id", change.ID.String()))
	}
}

// record stores a reading, and what follows from it, unless the run was overtaken. It gives
// the change, if there is one.
func (s *Service) record(ctx context.Context, r run, reading Reading) (change *Change, err error) {
	now := s.clock()
	err = postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		before, newest, err := s.store.lock(ctx, tx, r)
		if err != nil || !newest {
			return err
		}
		after, changed := r.probe.next(before, reading, now)
		if err := s.store.keep(ctx, tx, after, now.Add(spread(r.probe.Pace))); err != nil {
			return err
		}
		if err := s.store.keepReading(ctx, tx, r.probe.Name, now, reading, s.node.ID); err != nil || !changed {
			return err
		}
		change, err = s.change(ctx, tx, before, after)
		return err
	})
	return change, err
}

// aggregates makes ids of the names of probes.
var aggregates = uuid.MustParse("019ad0c8-7f00-7000-8000-000000000028")

// change stores a change, and all that is to be told of it.
func (s *Service) change(ctx context.Context, tx postgres.Tx, before, after State) (*Change, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	c := Change{
		ID: id, Name: after.Name, At: after.Since, Previous: before.State, State: after.State, Value: after.Value, Unit: after.Unit,
		Detail: after.Detail, Node: s.node.ID,
	}
	if err := s.store.keepChange(ctx, tx, c, s.channelNames()); err != nil {
		return nil, err
	}
	return &c, outbox.Write(ctx, tx, c.At, uuid.NewSHA1(aggregates, []byte(c.Name)), events.SystemProbeChanged{
		ChangeID: c.ID, Probe: c.Name, Previous: events.SystemProbeChangedPrevious(c.Previous), State: events.SystemProbeChangedState(c.State),
	})
}
