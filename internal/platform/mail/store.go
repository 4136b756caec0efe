package mail

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// What has become of a mail.
const (
	statusPending = "pending" // to be sent
	statusSending = "sending" // a run is handing it over
	statusSent    = "sent"    // the server has taken it
	statusUnknown = "unknown" // the server may have taken it
	statusRefused = "refused" // the server will not take it
)

// store is this package's part of the database.
type store struct {
	pool *pgxpool.Pool
	q    db.Queries
}

// admit finds the mail or makes it, and says what has become of it. What an
// earlier run left as sending becomes unknown.
func (s *store) admit(ctx context.Context, l letter, lease int64, at time.Time) (status string, err error) {
	status, err = s.q.AdmitMail(ctx, s.pool, db.AdmitMailParams{
		Key: l.key, MessageID: l.messageID, Template: l.template, Language: l.language, At: at, Lease: lease,
	})
	if err != nil {
		return "", postgres.Translate(fmt.Errorf("admit mail: %w", err))
	}
	return status, nil
}

// begin claims a pending mail for a run, or gives errBusy.
func (s *store) begin(ctx context.Context, l letter, lease int64, at time.Time) error {
	n, err := s.q.BeginMail(ctx, s.pool, db.BeginMailParams{Key: l.key, Lease: lease, Language: l.language, At: at})
	if err != nil {
		return postgres.Translate(fmt.Errorf("begin mail: %w", err))
	}
	if n == 0 {
		return fmt.Errorf("begin mail %s: %w", l.messageID, errBusy)
	}
	return nil
}

// end stores what came of a mail that this run has begun.
func (s *store) end(ctx context.Context, l letter, lease int64, o outcome, at time.Time) error {
	_, err := s.q.EndMail(ctx, s.pool, db.EndMailParams{Key: l.key, Lease: lease, Status: o.status, Failure: o.failure, At: at})
	if err != nil {
		return postgres.Translate(fmt.Errorf("end mail: %w", err))
	}
	return nil
}
