package task

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/job"
)

// jobArgs is the job that does one task; each kind of task is a kind of job.
type jobArgs struct {
	Format int       `json:"v"`
	TaskID uuid.UUID `json:"task_id"`
	kind   string
}

// Kind names the job.
func (a jobArgs) Kind() string { return "task." + a.kind }

// Register adds the work for one kind of task, on every node that starts or does
// any; a second one for a kind panics. The work's context ends at the time limit
// of spec, when the task is cancelled (cause ErrCancelled), when another worker
// has taken it over, and on shutdown. What it returns ends the task:
//
//   - a result, whose JSON is an object of MaxResult bytes at most, or nil for
//     none: completed;
//   - a fault, unless of the kinds Unavailable and Internal: failed at once, with
//     its code and message;
//   - any other error, and a panic: tried again as spec says, from progress 0; after
//     the last attempt failed, with server.internal where it is no fault. The cause
//     is only logged.
//
// A job that is given up, because its workers were lost, fails its task too.
// spec.Queue is job.QueueMaintenance unless it says otherwise.
func Register[I any](s *Service, r *job.Registry, kind string, spec job.Spec, work func(ctx context.Context, p *Progress, input I) (any, error)) {
	do := func(ctx context.Context, p *Progress, input json.RawMessage) (any, error) {
		var in I
		if err := json.Unmarshal(input, &in); err != nil {
			return nil, fmt.Errorf("read input: %w", err)
		}
		return work(ctx, p, in)
	}
	spec.Queue = cmp.Or(spec.Queue, job.QueueMaintenance)
	args := jobArgs{kind: kind}
	job.RegisterKind(r, args, spec, func(ctx context.Context, run job.Run, args jobArgs) error {
		return s.attempt(ctx, run, args, do)
	})
	job.OnKindGivenUp(r, args, s.giveUp)
}

// takenAway tells a run that ends because its node stops, or because its lease
// is lost, from one that is out of time: another worker goes on with the first.
func takenAway(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }
