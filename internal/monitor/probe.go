package monitor

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/lock"
)

// Names of the probes.
const (
	NameDatabase     = "database"
	NameRedis        = "redis"
	NameEventLog     = "event_log"
	NameLocks        = "locks"
	NameConversation = "conversation"
	NameBackupAge    = "backup_age"
	NameBackupWhole  = "backup_whole"
	NameFindings     = "findings"
	NameRelay        = "relay"
	NameQueues       = "queues"
	NameNodes        = "nodes"
)

// bounds say from which value on a reading is degraded, and failing.
type bounds struct{ degraded, failing time.Duration }

func (b bounds) of(d time.Duration) string {
	switch {
	case d >= b.failing:
		return Failing
	case d >= b.degraded:
		return Degraded
	}
	return OK
}

// took is the reading of something that was done, by how long it took.
func (b bounds) took(began time.Time, detail string) Reading {
	d := time.Since(began)
	return Reading{Level: b.of(d), Value: d.Seconds(), Unit: UnitSeconds, Detail: detail}
}

// full is the share of a pool's connections in use from which it is degraded.
const full = 0.9

// Database writes and commits a row, and looks how many connections of this node's pool are
// in use.
func Database(pool *pgxpool.Pool) Probe {
	limit := bounds{250 * time.Millisecond, 2 * time.Second}
	return Probe{Name: NameDatabase, Pace: 15 * time.Second, Timeout: 5 * time.Second, Local: true, Look: func(ctx context.Context) (Reading, error) {
		use := pool.Stat()
		share := float64(use.AcquiredConns()) / float64(use.MaxConns())
		began := time.Now()
		if err := touch(ctx, pool); err != nil {
			return Reading{}, err
		}
		r := limit.took(began, fmt.Sprintf("%d of %d connections in use", use.AcquiredConns(), use.MaxConns()))
		if share >= full {
			r.Level = worst(r.Level, Degraded)
		}
		return r, nil
	}}
}

// Redis asks for an answer.
func Redis(ping func(ctx context.Context) error) Probe {
	limit := bounds{100 * time.Millisecond, time.Second}
	return Probe{Name: NameRedis, Pace: 15 * time.Second, Timeout: 5 * time.Second, Local: true, Look: func(ctx context.Context) (Reading, error) {
		began := time.Now()
		if err := ping(ctx); err != nil {
			if ctx.Err() == nil {
				err = Plain("it does not answer")
			}
			return Reading{}, err
		}
		return limit.took(began, ""), nil
	}}
}

// Of the log that EventLog writes.
const (
	logStream = "monitor"
	logKept   = 10
	logFor    = 10 * time.Minute
)

// EventLog appends to a log of its own, and waits until a follower is given it.
func EventLog(log *eventlog.Log) Probe {
	limit := bounds{500 * time.Millisecond, 3 * time.Second}
	return Probe{Name: NameEventLog, Pace: 30 * time.Second, Timeout: 10 * time.Second, Look: func(ctx context.Context) (Reading, error) {
		newest, _, err := log.Newest(ctx, logStream)
		if err != nil {
			return Reading{}, At("look", err)
		}
		follower := log.Follow(ctx, logStream, newest.ID)
		defer follower.Close()
		began, entry := time.Now(), rand.Text()
		_, err = log.Append(ctx, eventlog.AppendInput{Stream: logStream, After: eventlog.AnyID, Entry: []byte(entry), Cap: logKept, Keep: logFor})
		if err != nil {
			return Reading{}, At("append", err)
		}
		for {
			entries, err := follower.Next(ctx)
			if err != nil {
				return Reading{}, At("follow", err)
			}
			for _, e := range entries {
				if string(e.Data) == entry {
					return limit.took(began, ""), nil
				}
			}
		}
	}}
}

// Locks takes a lock twice, and looks whether the fencing number grows.
func Locks(locks *lock.Locks) Probe {
	limit := bounds{250 * time.Millisecond, 2 * time.Second}
	take := func(ctx context.Context) (int64, error) {
		held, err := locks.Acquire(ctx, lock.AcquireInput{Name: "monitor", Wait: time.Second})
		if err != nil {
			return 0, At("take", err)
		}
		return held.Fence(), At("release", held.Release(ctx))
	}
	return Probe{Name: NameLocks, Pace: 30 * time.Second, Timeout: 5 * time.Second, Look: func(ctx context.Context) (Reading, error) {
		began := time.Now()
		first, err := take(ctx)
		if err != nil {
			return Reading{}, err
		}
		second, err := take(ctx)
		if err != nil {
			return Reading{}, err
		}
		if second <= first {
			return Reading{}, Plain("the fencing number does not grow")
		}
		return limit.took(began, ""), nil
	}}
}

// Conversation rehearses what learners do, from the beginning of a conversation to its end.
func Conversation(rehearse func(ctx context.Context) error) Probe {
	limit := bounds{2 * time.Second, 10 * time.Second}
	return Probe{Name: NameConversation, Pace: 5 * time.Minute, Timeout: 20 * time.Second, Worse: 2, Better: 1, Look: func(ctx context.Context) (Reading, error) {
		began := time.Now()
		if err := rehearse(ctx); err != nil {
			return Reading{}, err
		}
		return limit.took(began, ""), nil
	}}
}

// BackupAge looks how old the newest backup is that is good; newest gives the zero time
// where there is none. every is how often one is made.
func BackupAge(every time.Duration, newest func(ctx context.Context) (time.Time, error), now func() time.Time) Probe {
	limit := bounds{every + every/2, 3 * every}
	return Probe{Name: NameBackupAge, Pace: 5 * time.Minute, Timeout: 30 * time.Second, Worse: 2, Better: 1, Look: func(ctx context.Context) (Reading, error) {
		at, err := newest(ctx)
		if err != nil {
			return Reading{}, err
		}
		if at.IsZero() {
			return Reading{Level: Degraded, Unit: UnitSeconds, Detail: "there is no backup"}, nil
		}
		age := max(now().Sub(at), 0)
		return Reading{Level: limit.of(age), Value: age.Seconds(), Unit: UnitSeconds}, nil
	}}
}

// BackupWhole reads the newest backup and whatever it builds on, and holds it against what
// was signed; check gives how many backups that were, and an error where one is not whole.
func BackupWhole(check func(ctx context.Context) (backups int, err error)) Probe {
	return Probe{Name: NameBackupWhole, Pace: 6 * time.Hour, Timeout: 30 * time.Minute, Worse: 1, Better: 1, Look: func(ctx context.Context) (Reading, error) {
		n, err := check(ctx)
		if err != nil {
			return Reading{}, err
		}
		return Reading{Level: OK, Value: float64(n), Unit: UnitCount, Detail: "backups are whole"}, nil
	}}
}

// Damage is what verification has found, and is not mended.
type Damage struct {
	Conversations int64
	Findings      int64
	VerifiedAt    *time.Time // when the last verification came to its end; nil: none has
}

// Of findings.
const (
	manyDamaged   = 10            // conversations, from which it is failing
	verifiedLimit = 3 * time.Hour // since the last verification, which comes every hour
)

// Findings looks at what verification has found, and whether it still looks. One finding is
// enough: it does not go away by itself.
func Findings(damage func(ctx context.Context) (Damage, error), now func() time.Time) Probe {
	began := now()
	return Probe{Name: NameFindings, Pace: 30 * time.Second, Timeout: 10 * time.Second, Worse: 1, Better: 1, Look: func(ctx context.Context) (Reading, error) {
		d, err := damage(ctx)
		if err != nil {
			return Reading{}, err
		}
		r := Reading{Level: OK, Value: float64(d.Findings), Unit: UnitCount}
		last := began
		if d.VerifiedAt != nil {
			last = *d.VerifiedAt
		}
		if now().Sub(last) > verifiedLimit {
			r.Level, r.Detail = Degraded, "verification has not come to its end for "+now().Sub(last).Round(time.Minute).String()
		}
		if d.Findings > 0 {
			r.Level, r.Detail = Degraded, fmt.Sprintf("%d findings in %d conversations", d.Findings, d.Conversations)
		}
		if d.Conversations >= manyDamaged {
			r.Level = Failing
		}
		return r, nil
	}}
}

// Backlog is what waits to be moved out of the outbox.
type Backlog struct {
	Waiting int64
	Oldest  time.Duration
	Parked  int64 // events that a handler could not handle yet
}

// Relay looks how long the oldest event has waited.
func Relay(backlog func(ctx context.Context) (Backlog, error)) Probe {
	limit := bounds{30 * time.Second, 5 * time.Minute}
	return Probe{Name: NameRelay, Pace: 30 * time.Second, Timeout: 10 * time.Second, Worse: 2, Better: 2, Look: func(ctx context.Context) (Reading, error) {
		b, err := backlog(ctx)
		if err != nil {
			return Reading{}, err
		}
		return Reading{
			Level: limit.of(b.Oldest), Value: b.Oldest.Seconds(), Unit: UnitSeconds, Detail: fmt.Sprintf("%d events wait, %d are parked", b.Waiting, b.Parked),
		}, nil
	}}
}

// Queue is how full a job queue is.
type Queue struct {
	Name    string
	Paused  bool
	Waiting int
	Oldest  time.Duration
	Patient bool // its jobs may wait longer
}

// Queues looks how long the oldest job of each queue has waited for a worker. The value is
// that of the oldest of all.
func Queues(queues func(ctx context.Context) ([]Queue, error)) Probe {
	soon, late := bounds{30 * time.Second, 2 * time.Minute}, bounds{10 * time.Minute, time.Hour}
	return Probe{Name: NameQueues, Pace: 30 * time.Second, Timeout: 10 * time.Second, Worse: 2, Better: 2, Look: func(ctx context.Context) (Reading, error) {
		all, err := queues(ctx)
		if err != nil {
			return Reading{}, err
		}
		r := Reading{Level: OK, Unit: UnitSeconds}
		var said []string
		for _, q := range all {
			limit := soon
			if q.Patient {
				limit = late
			}
			level := limit.of(q.Oldest)
			if q.Paused {
				level = worst(level, Degraded)
				said = append(said, q.Name+" is paused")
			}
			if q.Oldest >= limit.degraded {
				said = append(said, fmt.Sprintf("%s: %d jobs wait, the oldest for %s", q.Name, q.Waiting, q.Oldest.Round(time.Second)))
			}
			r.Level, r.Value = worst(r.Level, level), max(r.Value, q.Oldest.Seconds())
		}
		r.Detail = strings.Join(said, "; ")
		return r, nil
	}}
}

// nodes looks whether a node fell silent, and how the others get on with what all need.
func (s *Service) nodes() Probe {
	return Probe{Name: NameNodes, Pace: 30 * time.Second, Timeout: 10 * time.Second, Worse: 2, Better: 2, Look: func(ctx context.Context) (Reading, error) {
		now := s.clock()
		list, err := s.store.nodesSince(ctx, now.Add(-nodeForgiven))
		if err != nil {
			return Reading{}, err
		}
		r := Reading{Level: OK, Unit: UnitCount}
		var said []string
		for _, n := range list {
			switch {
			case n.Lost(now) && n.ID != s.node.ID:
				said = append(said, "node "+n.Host+" is silent")
			case n.Lives(now) || n.ID == s.node.ID:
				r.Value++
				if n.Level != OK {
					said = append(said, "node "+n.Host+": "+n.Detail)
				}
			}
		}
		if len(said) > 0 {
			r.Level, r.Detail = Degraded, strings.Join(said, "; ")
		}
		return r, nil
	}}
}
