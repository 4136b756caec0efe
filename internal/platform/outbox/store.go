package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// errLeaseLost ends the work on a partition that another node has taken.
var errLeaseLost = errors.New("the partition's lease was lost to another node")

// store is this package's part of the database.
type store struct {
	pool *pgxpool.Pool
	q    db.Queries
}

// queueInsert adds the event's row to a batch.
func queueInsert(batch *pgx.Batch, e Event) {
	batch.Queue(db.InsertEvent, e.ID, e.Type, e.Version, e.AggregateType, e.AggregateID,
		partitionOf(e.AggregateType, e.AggregateID), e.OccurredAt, e.ActorID, e.CorrelationID, e.CausationID, e.Data,
		lockClass, int32(hash(e.AggregateType, e.AggregateID))). //nolint:gosec // all bits count
		Exec(func(pgconn.CommandTag) error { return nil })
}

// namespace tells this database from every other one, copies of it included: a
// restored database has streams of its own.
func (s store) namespace(ctx context.Context) (name string, err error) {
	err = s.pool.QueryRow(ctx, `select to_hex(c.system_identifier) || '-' || d.oid
		from pg_control_system() c, pg_database d where d.datname = current_database()`).Scan(&name)
	if err != nil {
		return "", postgres.Translate(fmt.Errorf("events: identify the database: %w", err))
	}
	return name, nil
}

func (s store) preparePartitions(ctx context.Context, names []string) error {
	if err := s.q.PreparePartitions(ctx, s.pool, db.PreparePartitionsParams{Names: names, Partitions: Partitions}); err != nil {
		return postgres.Translate(fmt.Errorf("prepare partitions: %w", err))
	}
	return nil
}

// announce says that the node is there for names, and gives all that are.
func (s store) announce(ctx context.Context, node uuid.UUID, names []string, lifetime time.Duration) (map[string][]uuid.UUID, error) {
	if err := s.q.AnnounceNode(ctx, s.pool, db.AnnounceNodeParams{Names: names, ID: node, Lifetime: lifetime}); err != nil {
		return nil, fmt.Errorf("announce node: %w", err)
	}
	rows, err := s.q.LivingNodes(ctx, s.pool, names)
	if err != nil {
		return nil, fmt.Errorf("read nodes: %w", err)
	}
	nodes := map[string][]uuid.UUID{}
	for _, r := range rows {
		nodes[r.Name] = append(nodes[r.Name], r.ID)
	}
	return nodes, nil
}

func (s store) forgetNode(ctx context.Context, node uuid.UUID, names []string) error {
	if err := s.q.ForgetNode(ctx, s.pool, db.ForgetNodeParams{ID: node, Names: names}); err != nil {
		return fmt.Errorf("forget node: %w", err)
	}
	return nil
}

// renewPartitions answers those of numbers that nobody else has taken.
func (s store) renewPartitions(ctx context.Context, node uuid.UUID, numbers []int64, lifetime time.Duration) (map[int64]bool, error) {
	rows, err := s.q.RenewPartitions(ctx, s.pool, db.RenewPartitionsParams{Lifetime: lifetime, Numbers: numbers, Holder: node})
	if err != nil {
		return nil, fmt.Errorf("renew partitions: %w", err)
	}
	kept := make(map[int64]bool, len(rows))
	for _, n := range rows {
		kept[n] = true
	}
	return kept, nil
}

func (s store) releasePartitions(ctx context.Context, node uuid.UUID, numbers []int64) error {
	if err := s.q.ReleasePartitions(ctx, s.pool, db.ReleasePartitionsParams{Numbers: numbers, Holder: node}); err != nil {
		return fmt.Errorf("release partitions: %w", err)
	}
	return nil
}

// takePartitions takes those of wanted that have lapsed.
func (s store) takePartitions(ctx context.Context, node uuid.UUID, wanted []place, lifetime time.Duration) ([]lease, error) {
	in := db.TakePartitionsParams{Holder: node, Lifetime: lifetime}
	for _, p := range wanted {
		in.Names, in.Wanted = append(in.Names, p.name), append(in.Wanted, p.partition)
	}
	rows, err := s.q.TakePartitions(ctx, s.pool, in)
	if err != nil {
		return nil, fmt.Errorf("take partitions: %w", err)
	}
	out := make([]lease, 0, len(rows))
	for _, r := range rows {
		out = append(out, lease{place: place{r.Name, r.Partition}, number: r.Number, streamID: r.StreamID})
	}
	return out, nil
}

// unpublished gives what is to be moved of some partitions, in order.
func (s store) unpublished(ctx context.Context, partitions []int, limit int) (map[int][]Event, error) {
	rows, err := s.q.UnpublishedEvents(ctx, s.pool, db.UnpublishedEventsParams{Partitions: partitions, MaxRows: limit})
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	out := map[int][]Event{}
	for _, r := range rows {
		out[r.Partition] = append(out[r.Partition], fromRow(r))
	}
	return out, nil
}

// markPublished records what was moved, and where the streams end now.
func (s store) markPublished(ctx context.Context, positions []int64, ends []publication) error {
	in := db.NoteStreamEndsParams{Name: relayName}
	for _, p := range ends {
		in.Partitions = append(in.Partitions, p.lease.partition)
		in.Numbers = append(in.Numbers, p.lease.number)
		in.StreamIds = append(in.StreamIds, p.after)
	}
	return postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		batch := &pgx.Batch{}
		batch.Queue(db.MarkEventsPublished, positions)
		batch.Queue(db.NoteStreamEnds, in.Name, in.Partitions, in.Numbers, in.StreamIds)
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("mark events as moved: %w", err)
		}
		return nil
	})
}

// republishUnhandled lets what some group still needs be moved again.
func (s store) republishUnhandled(ctx context.Context, partitions []int) error {
	for after := int64(0); ; {
		last, err := s.q.RepublishUnhandledEvents(ctx, s.pool, db.RepublishUnhandledEventsParams{
			AfterPosition: after, Retention: Retention, MaxRows: rebuildBite, Partitions: partitions, Retired: retiredAfter,
		})
		if postgres.NoRows(err) {
			return nil
		}
		if err != nil {
			return postgres.Translate(fmt.Errorf("rebuild streams: %w", err))
		}
		after = last
	}
}

func (s store) livingGroups(ctx context.Context) (map[string]bool, error) {
	names, err := s.q.LivingGroups(ctx, s.pool, retiredAfter)
	if err != nil {
		return nil, fmt.Errorf("read groups: %w", err)
	}
	living := map[string]bool{}
	for _, n := range names {
		living[n] = true
	}
	return living, nil
}

// subscribe says that a group takes types, and gives since when it does.
func (s store) subscribe(ctx context.Context, group string, types []string) (map[string]time.Time, error) {
	if err := s.q.SubscribeGroup(ctx, s.pool, db.SubscribeGroupParams{ConsumerGroup: group, Types: types}); err != nil {
		return nil, postgres.Translate(fmt.Errorf("subscribe group %s: %w", group, err))
	}
	rows, err := s.q.SubscriptionsOfGroup(ctx, s.pool, group)
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("subscribe group %s: %w", group, err))
	}
	since := map[string]time.Time{}
	for _, r := range rows {
		since[r.Type] = r.Since
	}
	return since, nil
}

// guard holds a lease until conn's transaction ends; outside of one it tells
// whether the lease holds now.
func (s store) guard(ctx context.Context, conn db.DBTX, l lease) error {
	_, err := s.q.GuardPartition(ctx, conn, db.GuardPartitionParams{Name: l.name, Partition: l.partition, Number: l.number})
	if postgres.NoRows(err) {
		return errLeaseLost
	}
	if err != nil {
		return fmt.Errorf("guard partition: %w", err)
	}
	return nil
}

// claim makes those of events handled that are not, under the lease, in one
// round trip; it says which.
func (s store) claim(ctx context.Context, tx postgres.Tx, l lease, events []Event) (map[uuid.UUID]bool, error) {
	fresh := map[uuid.UUID]bool{}
	batch := &pgx.Batch{}
	batch.Queue(db.GuardPartition, l.name, l.partition, l.number).QueryRow(func(row pgx.Row) error {
		var held int
		if err := row.Scan(&held); postgres.NoRows(err) {
			return errLeaseLost
		} else if err != nil {
			return fmt.Errorf("guard partition: %w", err)
		}
		return nil
	})
	batch.Queue(db.ClaimEvents, l.name, idsOf(events)).Query(func(rows pgx.Rows) error {
		ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		for _, id := range ids {
			fresh[id] = true
		}
		return err
	})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("claim events: %w", err)
	}
	return fresh, nil
}

func idsOf(events []Event) []uuid.UUID {
	ids := make([]uuid.UUID, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	return ids
}

func fromRow(r db.Outbox) Event {
	return Event{
		ID: r.EventID, Type: r.Type, Version: r.Version, AggregateType: r.AggregateType, AggregateID: r.AggregateID,
		Position: r.Position, OccurredAt: r.OccurredAt.UTC(), RecordedAt: r.RecordedAt.UTC(), ActorID: r.ActorID,
		CorrelationID: r.CorrelationID, CausationID: r.CausationID, Data: r.Data,
	}
}

// parking is events that must wait, and why.
type parking struct {
	events   []Event
	attempts int
	delay    time.Duration
	failure  *Failure // nil: they wait behind another
}

// park stores what must wait, under the lease.
func (s store) park(ctx context.Context, l lease, p parking) error {
	text, err := json.Marshal(failures(p.failure))
	if err != nil {
		return fmt.Errorf("park events: %w", err)
	}
	in := db.ParkEventsParams{ConsumerGroup: l.name, Partition: l.partition, Attempts: p.attempts, Delay: p.delay, Errors: text, EventIds: idsOf(p.events)}
	for _, e := range p.events {
		in.Positions, in.AggregateIds = append(in.Positions, e.Position), append(in.AggregateIds, e.AggregateID)
	}
	return postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		if err := s.guard(ctx, tx, l); err != nil {
			return err
		}
		if err := s.q.ParkEvents(ctx, tx, in); err != nil {
			return fmt.Errorf("park events: %w", err)
		}
		return nil
	})
}

func failures(f *Failure) []Failure {
	if f == nil {
		return []Failure{}
	}
	return []Failure{*f}
}

func (s store) parkedAggregates(ctx context.Context, l lease) (map[uuid.UUID]bool, error) {
	rows, err := s.q.ParkedAggregates(ctx, s.pool, db.ParkedAggregatesParams{ConsumerGroup: l.name, Partition: l.partition})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("read parked events: %w", err))
	}
	out := map[uuid.UUID]bool{}
	for _, id := range rows {
		out[id] = true
	}
	return out, nil
}

func (s store) partitionsWithParked(ctx context.Context, group string) ([]int, error) {
	rows, err := s.q.PartitionsWithParkedEvents(ctx, s.pool, group)
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("read parked events: %w", err))
	}
	return rows, nil
}

// head is the next event of an aggregate that waits.
type head struct {
	aggregate uuid.UUID
	due       time.Duration // from now
}

func (s store) parkedHeads(ctx context.Context, l lease, limit int) ([]head, error) {
	rows, err := s.q.ParkedHeads(ctx, s.pool, db.ParkedHeadsParams{ConsumerGroup: l.name, Partition: l.partition, MaxRows: limit})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("read parked events: %w", err))
	}
	out := make([]head, 0, len(rows))
	for _, r := range rows {
		out = append(out, head{aggregate: r.AggregateID, due: time.Duration(r.DueSeconds * float64(time.Second))})
	}
	return out, nil
}

// parked is an event that waits, and what became of it so far.
type parked struct {
	event    Event
	attempts int
	failures json.RawMessage
}

func (s store) parkedOf(ctx context.Context, l lease, aggregate uuid.UUID, limit int) ([]parked, error) {
	rows, err := s.q.ParkedByAggregate(ctx, s.pool, db.ParkedByAggregateParams{
		ConsumerGroup: l.name, Partition: l.partition, AggregateID: aggregate, MaxRows: limit})
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("read parked events: %w", err))
	}
	out := make([]parked, 0, len(rows))
	for _, r := range rows {
		out = append(out, parked{attempts: r.Attempts, failures: r.Errors, event: fromRow(db.Outbox{
			EventID: r.EventID, Type: r.Type, Version: r.Version, AggregateType: r.AggregateType, AggregateID: r.AggregateID,
			Position: r.Position, OccurredAt: r.OccurredAt, RecordedAt: r.RecordedAt, ActorID: r.ActorID,
			CorrelationID: r.CorrelationID, CausationID: r.CausationID, Data: r.Data,
		})})
	}
	return out, nil
}

// beginAttempt counts an attempt before it is made.
func (s store) beginAttempt(ctx context.Context, l lease, events []Event, delay time.Duration) error {
	err := s.q.BeginParkedAttempt(ctx, s.pool, db.BeginParkedAttemptParams{ConsumerGroup: l.name, EventIds: idsOf(events), Delay: delay})
	if err != nil {
		return postgres.Translate(fmt.Errorf("begin attempt: %w", err))
	}
	return nil
}

func (s store) noteFailure(ctx context.Context, l lease, id uuid.UUID, f Failure, delay time.Duration) error {
	text, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("note failure: %w", err)
	}
	err = s.q.NoteParkedFailure(ctx, s.pool, db.NoteParkedFailureParams{ConsumerGroup: l.name, EventID: id, Error: text, Delay: delay})
	if err != nil {
		return postgres.Translate(fmt.Errorf("note failure: %w", err))
	}
	return nil
}

func (s store) unpark(ctx context.Context, tx postgres.Tx, group string, ids []uuid.UUID) error {
	if err := s.q.UnparkEvents(ctx, tx, db.UnparkEventsParams{ConsumerGroup: group, EventIds: ids}); err != nil {
		return fmt.Errorf("unpark events: %w", err)
	}
	return nil
}

// groups are all that a node ever worked for.
func (s store) groups(ctx context.Context) ([]string, error) {
	names, err := s.q.KnownGroups(ctx, s.pool)
	if err != nil {
		return nil, postgres.Translate(fmt.Errorf("read groups: %w", err))
	}
	return names, nil
}

// settled is in with the types that the group takes now, and an end that the
// events which the replay itself leads to cannot keep ahead of.
func (s store) settled(ctx context.Context, in ReplayInput) (ReplayInput, error) {
	rows, err := s.q.SubscriptionsOfGroup(ctx, s.pool, in.Group)
	if err != nil {
		return in, postgres.Translate(fmt.Errorf("read groups: %w", err))
	}
	if len(rows) == 0 {
		return in, errNoGroupOfThisName
	}
	var taken []string
	for _, r := range rows {
		taken = append(taken, r.Type)
	}
	in.Types = wanted(taken, in.Types)
	if now := time.Now(); in.To.After(now) {
		in.To = now
	}
	return in, nil
}

func (s store) eventsForReplay(ctx context.Context, in ReplayInput, after int64) (ids []uuid.UUID, last int64, err error) {
	rows, err := s.q.EventsForReplay(ctx, s.pool, db.EventsForReplayParams{
		AfterPosition: after, FromAt: in.From, ToAt: in.To, Types: orEmpty(in.Types), MaxRows: replayBite})
	if err != nil {
		return nil, 0, postgres.Translate(fmt.Errorf("read outbox: %w", err))
	}
	for _, r := range rows {
		ids, last = append(ids, r.EventID), r.Position
	}
	return ids, last, nil
}

func (s store) countForReplay(ctx context.Context, in ReplayInput) (int64, error) {
	n, err := s.q.CountEventsForReplay(ctx, s.pool, db.CountEventsForReplayParams{FromAt: in.From, ToAt: in.To, Types: orEmpty(in.Types)})
	if err != nil {
		return 0, postgres.Translate(fmt.Errorf("count events: %w", err))
	}
	return n, nil
}

// orEmpty makes SQL's array empty instead of null.
func orEmpty(types []string) []string {
	if types == nil {
		return []string{}
	}
	return types
}

func (s store) replay(ctx context.Context, conn db.DBTX, group string, ids []uuid.UUID, again bool) (int64, error) {
	n, err := s.q.ReplayEvents(ctx, conn, db.ReplayEventsParams{ConsumerGroup: group, EventIds: ids, Again: again})
	if err != nil {
		return 0, postgres.Translate(fmt.Errorf("replay events: %w", err))
	}
	return n, nil
}

func (s store) sweep(ctx context.Context, limit int) (int64, error) {
	events, err := s.q.DeleteOldEvents(ctx, s.pool, db.DeleteOldEventsParams{Retention: Retention, MaxRows: limit})
	if err != nil {
		return 0, postgres.Translate(fmt.Errorf("sweep events: %w", err))
	}
	records, err := s.q.DeleteOldHandledEvents(ctx, s.pool, db.DeleteOldHandledEventsParams{Retention: Retention + 24*time.Hour, MaxRows: limit})
	if err != nil {
		return 0, postgres.Translate(fmt.Errorf("sweep handled events: %w", err))
	}
	return max(events, records), nil
}

func (s store) status(ctx context.Context) (out Status, err error) {
	backlog, err := s.q.OutboxBacklog(ctx, s.pool)
	if err != nil {
		return out, postgres.Translate(fmt.Errorf("read outbox: %w", err))
	}
	out.Waiting, out.Oldest = backlog.Waiting, time.Duration(backlog.OldestSeconds*float64(time.Second))
	holders, err := s.q.PartitionHolders(ctx, s.pool)
	if err != nil {
		return out, postgres.Translate(fmt.Errorf("read leases: %w", err))
	}
	waiting, err := s.q.ParkedByGroup(ctx, s.pool)
	if err != nil {
		return out, postgres.Translate(fmt.Errorf("read parked events: %w", err))
	}
	for _, h := range holders {
		g := GroupStatus{Name: h.Name, Nodes: int(h.Nodes), Partitions: int(h.Held)}
		for _, w := range waiting {
			if w.ConsumerGroup == h.Name {
				g.Parked, g.Aggregates = w.Parked, w.Aggregates
			}
		}
		out.Groups = append(out.Groups, g)
	}
	return out, nil
}
