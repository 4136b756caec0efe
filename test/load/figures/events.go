package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// How many events wait in the outbox, of how many aggregates, written by how
// many, and how often their way is measured.
const (
	waitingEvents = 20_000
	aggregates    = 200
	fillers       = 8 // divides aggregates, so that no two write about the same one
	eventRounds   = 3
)

// At which pace events are written while their latency is measured, by how many,
// and for how long after the first second, in which connections and leases are
// made.
const (
	eventsPerSecond = 1000
	writers         = 40 // divides aggregates too; a commit may take 40 ms
	pacedSeconds    = 10
)

// nodeConns is how many connections a node has unless it is told otherwise.
const nodeConns = 16

// eventLimit bounds the wait until all events of one measurement are handled.
const eventLimit = time.Minute

// numbered is the event of this measurement.
type numbered struct {
	Number int `json:"number"`
}

func (numbered) EventType() string     { return "figures.numbered" }
func (numbered) EventVersion() int     { return 1 }
func (numbered) AggregateType() string { return "figure" }

// aggregateOf is the same in each run, so that the partitions are equally full.
func aggregateOf(number int) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(strconv.Itoa(number%aggregates)))
}

// way is what an event passes on from the outbox to its handler: a relay and
// consumers on a pool as a node has it, and writers on one of another node.
type way struct {
	writing  *pgxpool.Pool
	pool     *pgxpool.Pool
	redis    *redis.Client
	commits  *commits
	handlers *outbox.Handlers
	handled  int // events that must have had their effect
}

// events measures how fast domain events come through, and how late they are.
func (s *stage) events(ctx context.Context) error {
	w, err := s.newWay(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	if err := w.throughput(ctx); err != nil {
		return err
	}
	return w.latency(ctx)
}

func (s *stage) newWay(ctx context.Context) (*way, error) {
	url, err := s.another(ctx, "events")
	if err != nil {
		return nil, err
	}
	o, err := redis.ParseURL(s.redis)
	if err != nil {
		return nil, err
	}
	w := &way{redis: redis.NewClient(o), commits: newCommits(), handlers: outbox.NewHandlers()}
	if w.writing, err = postgres.Open(ctx, postgres.Config{URL: url, MaxConns: writers}); err != nil {
		return nil, err
	}
	if _, err := w.writing.Exec(ctx, "create table effects (event_id uuid primary key, number integer not null)"); err != nil {
		return nil, err
	}
	cfg := w.writing.Config()
	cfg.MaxConns = nodeConns
	cfg.ConnConfig.Tracer = multitracer.New(cfg.ConnConfig.Tracer, w.commits)
	if w.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, err
	}
	outbox.On(w.handlers, "figures", w.handle)
	_, err = w.consumers().Subscribe(ctx) // or what is written before the first start would not be for the group
	return w, err
}

func (w *way) close() {
	w.pool.Close()
	w.writing.Close()
	_ = w.redis.Close() // nothing is under way
}

// handle has one row as its effect.
func (w *way) handle(ctx context.Context, tx postgres.Tx, e outbox.Event, data numbered) error {
	if _, err := tx.Exec(ctx, "insert into effects (event_id, number) values ($1, $2)", e.ID, data.Number); err != nil {
		return err
	}
	w.commits.handled(tx.Conn(), data.Number)
	return nil
}

func (w *way) consumers() *outbox.Consumers {
	return outbox.NewConsumers(outbox.ConsumersConfig{
		Pool: w.pool, Redis: w.redis, Handlers: w.handlers, Logger: warnings(),
		Bury: func(context.Context, postgres.Tx, outbox.DeadEvent) error {
			return errors.New("no event deserves this")
		},
	})
}

func warnings() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// start begins to move and to handle events.
func (w *way) start(ctx context.Context) (stop func(), err error) {
	consumers := w.consumers()
	relay := outbox.NewRelay(outbox.RelayConfig{Pool: w.pool, Redis: w.redis, Published: consumers.Wake, Logger: warnings()})
	stop = func() {
		relay.Stop()
		consumers.Stop()
	}
	if err := consumers.Start(ctx); err != nil {
		return nil, err
	}
	if err := relay.Start(ctx); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// throughput lets events wait in the outbox, then times their way.
func (w *way) throughput(ctx context.Context) error {
	var samples []float64
	for range eventRounds {
		if err := w.fill(ctx); err != nil {
			return err
		}
		began := time.Now()
		stop, err := w.start(ctx)
		if err != nil {
			return err
		}
		handled, err := w.commits.all(ctx)
		stop()
		if err != nil {
			return err
		}
		samples = append(samples, waitingEvents/last(handled).Sub(began).Seconds())
		if err := w.proveOnce(ctx, waitingEvents); err != nil {
			return err
		}
	}
	how := fmt.Sprintf("%d events of %d aggregates in the outbox; from the start of a relay and one group until the last handler's transaction is committed, one row an event; median of %d, %.0f to %.0f",
		waitingEvents, aggregates, eventRounds, quantile(0, samples), quantile(1, samples))
	say("domain events, outbox to handler", fmt.Sprintf("%.0f /s", median(samples)), ">= 5000 /s", how)
	return nil
}

// fill writes the events while nothing moves them.
func (w *way) fill(ctx context.Context) error {
	w.commits.expect(waitingEvents)
	err := inParallel(ctx, fillers, func(ctx context.Context, writer int) error {
		return postgres.InTx(ctx, w.writing, func(tx postgres.Tx) error {
			batch := &pgx.Batch{}
			for n := writer; n < waitingEvents; n += fillers {
				if err := outbox.Queue(ctx, batch, time.Now(), aggregateOf(n), numbered{n}); err != nil {
					return err
				}
			}
			return tx.SendBatch(ctx, batch).Close()
		})
	})
	if err != nil {
		return err
	}
	_, err = w.writing.Exec(ctx, "analyze outbox") // as it is in a database that lives
	return err
}

// latency writes at a pace and compares the ends of two transactions.
func (w *way) latency(ctx context.Context) error {
	const n = eventsPerSecond * (1 + pacedSeconds)
	w.commits.expect(n)
	stop, err := w.start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	written, err := w.writeAtPace(ctx, n)
	if err != nil {
		return err
	}
	handled, err := w.commits.all(ctx)
	if err != nil {
		return err
	}
	var samples []time.Duration
	for i := eventsPerSecond; i < n; i++ {
		samples = append(samples, max(0, handled[i].Sub(written[i])))
	}
	reached := (n - eventsPerSecond) / last(written[eventsPerSecond:]).Sub(written[eventsPerSecond]).Seconds()
	say(fmt.Sprintf("domain events at %d /s, delay", eventsPerSecond),
		fmt.Sprintf("%.1f / %.1f ms", inMS(quantile(0.5, samples)), inMS(quantile(0.99, samples))), "p99 250 ms",
		fmt.Sprintf("p50 / p99, worst %.1f, of %d: from the end of the writer's commit to the end of the commit of the handler's transaction; %d writers reached %.0f /s",
			inMS(quantile(1, samples)), len(samples), writers, reached))
	return w.proveOnce(ctx, n)
}

// writeAtPace writes events each in a transaction of its own, and says when each
// was committed. A writer that is late does not wait.
func (w *way) writeAtPace(ctx context.Context, n int) ([]time.Time, error) {
	written, began := make([]time.Time, n), time.Now()
	return written, inParallel(ctx, writers, func(ctx context.Context, writer int) error {
		for i := writer; i < n; i += writers {
			if err := pause(ctx, time.Until(began.Add(time.Duration(i)*time.Second/eventsPerSecond))); err != nil {
				return err
			}
			err := postgres.InTx(ctx, w.writing, func(tx postgres.Tx) error {
				return outbox.Write(ctx, tx, time.Now(), aggregateOf(i), numbered{i})
			})
			if err != nil {
				return err
			}
			written[i] = time.Now()
		}
		return nil
	})
}

// proveOnce checks that n more events had their effect, and that is all.
func (w *way) proveOnce(ctx context.Context, n int) error {
	w.handled += n
	var found int
	if err := w.writing.QueryRow(ctx, "select count(*) from effects").Scan(&found); err != nil {
		return err
	}
	if found != w.handled {
		return fmt.Errorf("%d events had an effect, want %d", found, w.handled)
	}
	return nil
}

func last(times []time.Time) time.Time {
	var latest time.Time
	for _, t := range times {
		if t.After(latest) {
			latest = t
		}
	}
	return latest
}
