package fault_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/devstack"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/postgres/postgrestest"
)

// Settings of the processes.
const (
	databaseVariable = "FLUENTPRO_FAULT_DATABASE"
	redisVariable    = "FLUENTPRO_FAULT_REDIS"
)

// leaseLifetime is short, so that many can die in little time.
const leaseLifetime = time.Second

// stepped is the event of this fault.
type stepped struct {
	Step int `json:"step"`
}

func (stepped) EventType() string     { return "walker.stepped" }
func (stepped) EventVersion() int     { return 1 }
func (stepped) AggregateType() string { return "walker" }

// groups both do the same, each for itself.
var groups = []string{"left", "right"}

func relayRole(ctx context.Context) error {
	pool, client, err := connect(ctx)
	if err != nil {
		return err
	}
	r := outbox.NewRelay(outbox.RelayConfig{Pool: pool, Redis: client, LeaseLifetime: leaseLifetime, Logger: logger()})
	if err := r.Start(ctx); err != nil {
		return err
	}
	fmt.Println("ready")
	<-ctx.Done()
	r.Stop()
	return nil
}

func consumerRole(ctx context.Context) error {
	pool, client, err := connect(ctx)
	if err != nil {
		return err
	}
	h := outbox.NewHandlers()
	for _, group := range groups {
		outbox.On(h, group, func(ctx context.Context, tx postgres.Tx, e outbox.Event, data stepped) error {
			_, err := tx.Exec(ctx, "insert into effects (grp, walker, step, event_id) values ($1, $2, $3, $4)", group, e.AggregateID, data.Step, e.ID)
			return err
		})
	}
	c := outbox.NewConsumers(outbox.ConsumersConfig{Pool: pool, Redis: client, Handlers: h, LeaseLifetime: leaseLifetime, Logger: logger(),
		RetryAfter: 10 * time.Millisecond, Bury: func(context.Context, postgres.Tx, outbox.DeadEvent) error {
			return errors.New("no event deserves this")
		}})
	if err := c.Start(ctx); err != nil {
		return err
	}
	fmt.Println("ready")
	<-ctx.Done()
	c.Stop()
	return nil
}

func connect(ctx context.Context) (*pgxpool.Pool, redis.UniversalClient, error) {
	pool, err := postgres.Open(ctx, postgres.Config{URL: os.Getenv(databaseVariable)})
	if err != nil {
		return nil, nil, err
	}
	o, err := redis.ParseURL(os.Getenv(redisVariable))
	if err != nil {
		return nil, nil, err
	}
	return pool, redis.NewClient(o), nil
}

func logger() *slog.Logger { return slog.New(slog.NewTextHandler(os.Stderr, nil)) }

// walk is one run of this fault.
type walk struct {
	t        *testing.T
	pool     *pgxpool.Pool
	redis    *redis.Client
	settings []string
	children []*child
	kills    int
}

// TestEvents writes events while relays and consumers are killed at random and
// Redis forgets everything now and then: each event must have its effect once in
// each group, and those of one aggregate in order.
func TestEvents(t *testing.T) {
	t.Parallel()
	events, walkers, kills := 1_000, 40, 8
	if *long {
		events, walkers, kills = 10_000, 200, 60
	}
	w := newWalk(t, walkers)
	for _, role := range []string{"relay", "relay", "consumer", "consumer", "consumer"} {
		w.children = append(w.children, startChild(t, role, w.settings...))
	}
	t.Cleanup(func() {
		for _, c := range w.children {
			c.kill()
			if t.Failed() {
				t.Logf("%s %d:\n%s", c.role, c.cmd.Process.Pid, c.said)
			}
		}
	})
	began := time.Now()
	written := make(chan struct{})
	go func() {
		defer close(written)
		w.write(events, walkers)
	}()
	w.breakThings(events*len(groups), kills)
	<-written
	w.await(events * len(groups))
	t.Logf("%d events in %d groups, %d processes killed, in %s", events, len(groups), w.kills, time.Since(began).Round(time.Millisecond))
	w.verify(events)
}

func newWalk(t *testing.T, walkers int) *walk {
	url := postgrestest.URL(t)
	address, err := devstack.TestRedis()
	require.NoError(t, err)
	o, err := redis.ParseURL(address)
	require.NoError(t, err)
	w := &walk{t: t, pool: postgrestest.Pool(t, url), redis: redis.NewClient(o),
		settings: []string{databaseVariable + "=" + url, redisVariable + "=" + address}}
	t.Cleanup(func() { _ = w.redis.Close() })
	w.exec("create table effects (n bigint generated always as identity, grp text, walker uuid, step int, event_id uuid)")
	w.exec("create table walkers (id int primary key, walker uuid not null default gen_random_uuid(), steps int not null default 0)")
	w.exec("insert into walkers (id) select generate_series(0, $1::int - 1)", walkers)
	return w
}

func (w *walk) exec(sql string, args ...any) {
	_, err := w.pool.Exec(w.t.Context(), sql, args...)
	require.NoError(w.t, err)
}

func (w *walk) number(sql string) (n int) {
	require.NoError(w.t, w.pool.QueryRow(w.t.Context(), sql).Scan(&n))
	return n
}

// errStumble rolls a step back: no event may tell of it.
var errStumble = errors.New("stumbled")

// write makes steps, from eight writers at once; one in twenty is rolled back.
func (w *walk) write(events, walkers int) {
	var wg sync.WaitGroup
	const writers = 8
	for writer := range writers {
		wg.Go(func() {
			for i := writer; i < events; i += writers {
				if i%20 == 0 {
					if err := w.step(i%walkers, errStumble); !errors.Is(err, errStumble) {
						w.t.Error(err)
					}
				}
				if err := w.step(i%walkers, nil); err != nil {
					w.t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func (w *walk) step(id int, end error) error {
	ctx := w.t.Context()
	return postgres.InTx(ctx, w.pool, func(tx postgres.Tx) error {
		var walker uuid.UUID
		var step int
		if err := tx.QueryRow(ctx, "update walkers set steps = steps + 1 where id = $1 returning walker, steps", id).Scan(&walker, &step); err != nil {
			return err
		}
		if err := outbox.Write(ctx, tx, time.Now(), walker, stepped{step}); err != nil {
			return err
		}
		return end
	})
}

// breakThings kills a process each time that some more effects are there, starts
// another in its place, and twice makes Redis forget all streams.
func (w *walk) breakThings(effects, kills int) {
	seed := uint64(time.Now().UnixNano())
	w.t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // no secret
	for n := range kills {
		w.await(effects * n / (kills + 2))
		i := random.IntN(len(w.children))
		c := w.children[i]
		c.kill()
		w.kills++
		if n == kills/3 || n == 2*kills/3 {
			w.forget()
		}
		w.children[i] = startChild(w.t, c.role, w.settings...)
	}
}

// forget deletes every stream of this run.
func (w *walk) forget() {
	var namespace string
	require.NoError(w.t, w.pool.QueryRow(w.t.Context(), `select to_hex(c.system_identifier) || '-' || d.oid
		from pg_control_system() c, pg_database d where d.datname = current_database()`).Scan(&namespace))
	keys, err := w.redis.Keys(w.t.Context(), "events:"+namespace+":*").Result()
	require.NoError(w.t, err)
	require.NotEmpty(w.t, keys)
	require.NoError(w.t, w.redis.Del(w.t.Context(), keys...).Err())
}

// await waits until so many effects are there.
func (w *walk) await(effects int) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return w.number("select count(*) from effects") >= effects }, patience, 10*time.Millisecond,
		"%d effects", effects)
}

func (w *walk) verify(events int) {
	require.Equal(w.t, events, w.number("select sum(steps)::int from walkers"))
	require.Equal(w.t, events, w.number("select count(*)::int from outbox"))
	for _, group := range groups {
		rows, err := w.pool.Query(w.t.Context(), "select w.walker, w.steps, array_agg(e.step order by e.n) from walkers w left join effects e on e.walker = w.walker and e.grp = $1 group by w.walker, w.steps", group)
		require.NoError(w.t, err)
		var walker uuid.UUID
		var steps int
		var seen []int32
		_, err = pgx.ForEachRow(rows, []any{&walker, &steps, &seen}, func() error {
			require.Len(w.t, seen, steps, "each step of %s has its effect once in %s: %v", walker, group, seen)
			require.True(w.t, slices.IsSorted(seen), "the steps of %s are in order in %s: %v", walker, group, seen)
			return nil
		})
		require.NoError(w.t, err)
	}
	require.Zero(w.t, w.number("select count(*) from parked_events"))
}
