package audit

import (
	"context"

	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// Record adds an event to the log, in tx; one that is there stays as it is. It
// is the handler of the group.
func (*Service) Record(ctx context.Context, tx postgres.Tx, e outbox.Event) error {
	return insert(ctx, tx, e)
}
