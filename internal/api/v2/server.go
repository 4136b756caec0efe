// Package v2 serves version 2 of the API: it translates between the contract's
// shapes and the nouns, and holds no rule of its own. What it serves, and in
// which form, is openapi/v2; it can be deleted with rm -r.
package v2

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/activity"
	"github.com/fluentpro/fluentpro/internal/audit"
	"github.com/fluentpro/fluentpro/internal/backup"
	"github.com/fluentpro/fluentpro/internal/budget"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/learning"
	"github.com/fluentpro/fluentpro/internal/monitor"
	"github.com/fluentpro/fluentpro/internal/onboarding"
	"github.com/fluentpro/fluentpro/internal/platform/cursor"
	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/page"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
	"github.com/fluentpro/fluentpro/internal/platform/ticket"
	"github.com/fluentpro/fluentpro/internal/replay"
	"github.com/fluentpro/fluentpro/internal/task"
	"github.com/fluentpro/fluentpro/internal/usage"
)

// BasePath is where this version is mounted.
const BasePath = "/api/v2"

// Deps are the nouns behind the operations.
type Deps struct {
	Accounts      *account.Service
	Activity      *activity.Service
	Catalogue     *catalogue.Service
	Conversations *conversation.Service
	Audit         *audit.Service
	Queues        *job.Queue
	DeadLetters   *deadletter.Box
	Tasks         *task.Service
	Replays       *replay.Service
	Onboarding    *onboarding.Service
	Learning      *learning.Service
	Monitor       *monitor.Service
	Usage         *usage.Service
	Budgets       *budget.Service
	Backups       *backup.Service
	Sockets       Sockets
	Tickets       *ticket.Tickets
	Cursors       *cursor.Sealer
	Exports       *page.Exporter
	May           func(permission string, roles []string) bool
	Streams       *sse.Streams
	Draining      context.Context // ends when streams must, so that readers move to other nodes
	Now           func() time.Time
}

// Server implements the generated interface, one file per tag.
type Server struct {
	Deps
	lists atomic.Pointer[catalogueLists]
}

var _ apiv2.StrictServerInterface = (*Server)(nil)

// New makes a Server of its parts.
func New(d Deps) *Server { return &Server{Deps: d} }
