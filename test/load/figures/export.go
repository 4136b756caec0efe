package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fluentpro/fluentpro/test/e2e/journey"
)

// How much is exported, and how often.
const (
	exportRows   = 1_000_000
	exportRounds = 3
)

// auditRows fills the log: events of 1,000 users with about 200 bytes of data.
const auditRows = `
insert into audit_events (event_id, type, version, aggregate_type, aggregate_id, actor_id, request_id, causation_id, occurred_at, data)
select gen_random_uuid(), (array['message.sent', 'conversation.created', 'session.started', 'onboarding.step_completed'])[1 + n % 4], 1,
    'conversation', gen_random_uuid(), md5((n % 1000)::text)::uuid, gen_random_uuid()::text, case when n % 2 = 0 then gen_random_uuid() end,
    timestamptz '2026-01-01' + n * interval '10 seconds',
    jsonb_build_object('conversation_id', gen_random_uuid(), 'message_id', gen_random_uuid(), 'partner_id', 'senior_management',
        'seq', n % 100, 'tokens', n % 700, 'status', 'completed', 'finish_reason', 'stop')
from generate_series(1, $1) n`

// The baselines: the same columns in the form of COPY, and as JSON made by PostgreSQL.
const (
	copyColumns = `copy (select event_id, type, version, aggregate_type, aggregate_id, actor_id, request_id, causation_id,
		occurred_at, recorded_at, data from audit_events) to stdout`
	copyJSON = `copy (select row_to_json(e) from (select event_id, type, version, aggregate_type, aggregate_id, actor_id, request_id,
		causation_id, occurred_at, recorded_at, data from audit_events) e) to stdout`
)

// export measures the audit log as NDJSON over HTTP beside COPY of the same
// rows, in turn, and how much memory it takes of a node that did nothing else.
func (s *stage) export(ctx context.Context) error {
	conn, err := s.fillAuditLog(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // it only reads
	admin, err := s.admin(ctx)
	if err != nil {
		return err
	}
	node, _, err := s.serve(ctx)
	if err != nil {
		return err
	}
	idle, err := node.idle(ctx)
	if err != nil {
		return err
	}
	ways := []func() (int, error){
		func() (int, error) { return s.exportOnce(ctx, node, admin) },
		func() (int, error) { return copyOnce(ctx, conn, copyColumns) },
		func() (int, error) { return copyOnce(ctx, conn, copyJSON) },
	}
	pace, err := rowsPerSecond(ways)
	if err != nil {
		return err
	}
	ours, columns, asJSON := pace[0], pace[1], pace[2]
	say("export of 1,000,000 rows as NDJSON", fmt.Sprintf("%.2f x COPY", ours/columns), ">= 0.6 x",
		fmt.Sprintf("%.0f rows/s over HTTP, %.0f by COPY of the same columns, %.0f by COPY of row_to_json (%.2f x); median of %d in turn",
			ours, columns, asJSON, ours/asJSON, exportRounds))
	return node.sayExportMemory(idle)
}

func (s *stage) fillAuditLog(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, s.database)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, auditRows, exportRows); err != nil {
		return nil, fmt.Errorf("fill the audit log: %w", err)
	}
	_, err = conn.Exec(ctx, "vacuum (analyze) audit_events")
	return conn, err
}

// rowsPerSecond takes each way in turn, so that what disturbs one disturbs all,
// and gives the median of each.
func rowsPerSecond(ways []func() (int, error)) ([]float64, error) {
	samples := make([][]float64, len(ways))
	for range exportRounds {
		for i, way := range ways {
			began := time.Now()
			rows, err := way()
			if err != nil {
				return nil, err
			}
			if rows < exportRows {
				return nil, fmt.Errorf("%d rows, want %d", rows, exportRows)
			}
			samples[i] = append(samples[i], float64(rows)/time.Since(began).Seconds())
		}
	}
	out := make([]float64, len(ways))
	for i := range ways {
		out[i] = median(samples[i])
	}
	return out, nil
}

// idle is the resident memory of a node that was never asked anything, where it
// can be known.
func (c *child) idle(ctx context.Context) (int64, error) {
	if runtime.GOOS != "linux" {
		return 0, nil
	}
	if err := pause(ctx, 3*time.Second); err != nil {
		return 0, err
	}
	return c.memory("VmRSS")
}

func (c *child) sayExportMemory(idle int64) error {
	if runtime.GOOS == "linux" {
		peak, err := c.memory("VmHWM")
		if err != nil {
			return err
		}
		say("memory of these exports, over idle", fmt.Sprintf("%.1f MiB", float64(peak-idle)/mebibyte), "<= 32 MiB",
			fmt.Sprintf("VmHWM of `serve` after them, over VmRSS before, %.1f MiB", float64(idle)/mebibyte))
	}
	return c.stop()
}

// admin is somebody who may export, signed in at a node of their own: checking
// a password takes more memory than an export.
func (s *stage) admin(ctx context.Context) (*journey.Learner, error) {
	node, _, err := s.serve(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.learners(ctx, node, 1)
	if err != nil {
		return nil, err
	}
	grant, err := s.start(ctx, s.binary, []string{"FLUENTPRO_DATABASE_URL=" + s.database}, "admin", "grant", all[0].Email)
	if err != nil {
		return nil, err
	}
	<-grant.done
	if !grant.cmd.ProcessState.Success() {
		return nil, fmt.Errorf("admin grant: %s\n%s", grant.cmd.ProcessState, grant.tail())
	}
	if err := all[0].LogIn(ctx); err != nil {
		return nil, err
	}
	return all[0], node.stop()
}

// exportOnce reads one export whole and counts its events.
func (s *stage) exportOnce(ctx context.Context, node *child, admin *journey.Learner) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, node.url+"/api/v2/admin/audit-events/export", nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+admin.Tokens.AccessToken)
	response, err := s.http.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }() // it is read whole
	var lines lineCounter
	if _, err := io.Copy(&lines, response.Body); err != nil {
		return 0, fmt.Errorf("read export: %w", err)
	}
	if response.StatusCode != http.StatusOK || !bytes.HasSuffix(lines.last, fmt.Appendf(nil, "{\"type\":\"end\",\"count\":%d}\n", lines.n-1)) {
		return 0, errors.New("the export was refused or cut: " + response.Status)
	}
	return lines.n - 1, nil
}

// lineCounter counts lines and keeps the end of what it was given.
type lineCounter struct {
	n    int
	last []byte
}

func (l *lineCounter) Write(p []byte) (int, error) {
	l.n += bytes.Count(p, []byte{'\n'})
	l.last = append(l.last, p[max(0, len(p)-64):]...)
	l.last = append(l.last[:0], l.last[max(0, len(l.last)-64):]...)
	return len(p), nil
}

func copyOnce(ctx context.Context, conn *pgx.Conn, query string) (int, error) {
	tag, err := conn.PgConn().CopyTo(ctx, io.Discard, query)
	if err != nil {
		return 0, fmt.Errorf("copy: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
