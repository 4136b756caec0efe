package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/activity"
	"github.com/fluentpro/fluentpro/internal/api"
	"github.com/fluentpro/fluentpro/internal/api/realtime"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/audit"
	"github.com/fluentpro/fluentpro/internal/backup"
	"github.com/fluentpro/fluentpro/internal/budget"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/conversation"
	"github.com/fluentpro/fluentpro/internal/learning"
	"github.com/fluentpro/fluentpro/internal/monitor"
	"github.com/fluentpro/fluentpro/internal/onboarding"
	"github.com/fluentpro/fluentpro/internal/platform/auth0"
	"github.com/fluentpro/fluentpro/internal/platform/cursor"
	"github.com/fluentpro/fluentpro/internal/platform/deadletter"
	"github.com/fluentpro/fluentpro/internal/platform/eventlog"
	"github.com/fluentpro/fluentpro/internal/platform/gate"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/llm"
	"github.com/fluentpro/fluentpro/internal/platform/lock"
	"github.com/fluentpro/fluentpro/internal/platform/mail"
	"github.com/fluentpro/fluentpro/internal/platform/once"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
	"github.com/fluentpro/fluentpro/internal/platform/presence"
	"github.com/fluentpro/fluentpro/internal/platform/sse"
	"github.com/fluentpro/fluentpro/internal/replay"
	"github.com/fluentpro/fluentpro/internal/task"
	"github.com/fluentpro/fluentpro/internal/usage"
)

// undefinedTable is the SQLSTATE of a query that names a table which is not there.
const undefinedTable = "42P01"

// How many jobs of each queue a node works on at once, unless FLUENTPRO_QUEUES
// says otherwise, and the most that it may say.
var concurrency = map[string]int{job.QueueAuth: 10, job.QueueOnboarding: 10, job.QueueConversation: 500, job.QueueMaintenance: 4}

const maxConcurrency = 10_000

// App is the service put together: New, Start, serve Handler, Drain, Close.
type App struct {
	handler   http.Handler
	pool      *pgxpool.Pool
	redis     redis.UniversalClient
	log       *eventlog.Log
	locks     *lock.Locks
	gate      *gate.Gate
	model     *llm.Client
	embed     *llm.Embedder
	queue     *job.Queue
	users     *account.Service
	catalogue *catalogue.Service
	usage     *usage.Service
	backups   *backup.Service
	tenant    *auth0.Client // nil: passwords are ours
	monitor   *monitor.Service
	watches   bool // the monitor is wanted
	presence  *presence.Presence
	sockets   *realtime.Server
	streams   *sse.Streams // that are not net/http's any more
	logger    *slog.Logger

	requests *web.Metrics
	measures []prometheus.Collector // of all parts
	metrics  http.Handler

	relay     *outbox.Relay
	consumers *outbox.Consumers

	notReady chan struct{}
	unready  sync.Once
	draining context.Context
	drain    context.CancelFunc
	close    sync.Once
}

// Options are what tests set; the zero value is what production uses.
type Options struct {
	Now   func() time.Time                   // nil: time.Now
	Tasks func(*task.Service, *job.Registry) // adds kinds of tasks that production has not; nil: none
	// HashCost makes passwords cheap where hundreds are hashed; zero: what production takes.
	HashCost account.HashCost
	// GateTimeout is for counting a request; 0: as gate.Config has it.
	GateTimeout time.Duration
	// PingEvery and ConnectWait are times of a WebSocket; 0: as realtime.Deps has them.
	PingEvery, ConnectWait time.Duration
	// PresenceBeat is how often a node says that it lives; 0: as presence.Config has it.
	PresenceBeat time.Duration
	// MonitorTick is how often the monitor looks at what is due; 0: as monitor.Deps has it.
	MonitorTick time.Duration
	// UsageEvery is how often counts of deprecated calls are written; 0: as usage.Deps has it.
	UsageEvery time.Duration
}

// New connects to everything and wires it, top to bottom. The database must be
// migrated and seeded. Redis may be away: the service runs without it.
func New(ctx context.Context, cfg Config, logger *slog.Logger, opts Options) (_ *App, err error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	a := &App{logger: logger, streams: &sse.Streams{}, requests: web.NewMetrics(), notReady: make(chan struct{})}
	a.draining, a.drain = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	if a.pool, err = postgres.Open(ctx, postgres.Config{URL: cfg.DatabaseURL.Reveal()}); err != nil {
		return nil, err
	}
	if a.redis, err = openRedis(cfg.RedisURL.Reveal()); err != nil {
		return nil, err
	}
	if a.log, err = eventlog.New(eventlog.Config{Client: a.redis}); err != nil {
		return nil, err
	}
	if a.locks, err = lock.New(lock.Config{Client: a.redis}); err != nil {
		return nil, err
	}
	a.gate = gate.New(gate.Config{Client: a.redis, Timeout: opts.GateTimeout, Limits: cfg.limitNames(), Logger: logger})
	if err = a.openModels(cfg); err != nil {
		return nil, err
	}
	if err = a.wire(ctx, cfg, opts); err != nil {
		if lacking, ok := errors.AsType[*pgconn.PgError](err); ok && lacking.Code == undefinedTable {
			err = fmt.Errorf("the database lacks tables; run `fluentpro migrate` first: %w", err)
		}
		return nil, err
	}
	return a, nil
}

// wire makes the nouns, what they do in the background, and the doors.
func (a *App) wire(ctx context.Context, cfg Config, opts Options) error {
	keys, err := newSecrets(cfg)
	if err != nil {
		return err
	}
	claims, jobs := once.New(keys.idempotency, opts.Now), &laterJobs{}
	n, err := a.wireNouns(ctx, cfg, nounParts{secrets: keys, once: claims, jobs: jobs, options: opts})
	if err != nil {
		return err
	}
	registry, letters, handlers := job.NewRegistry(), deadletter.New(a.pool), outbox.NewHandlers()
	n.registerJobs(registry)
	n.registerTasks(registry)
	if opts.Tasks != nil {
		opts.Tasks(n.tasks, registry)
	}
	n.registerSweeps(registry, sweeps{claims, letters, a.pool})
	n.accounts.HandleEvents(handlers)
	n.plans.HandleEvents(handlers)
	n.activity.HandleEvents(handlers)
	n.audit.RegisterHandlers(handlers)
	if err := a.wireEvents(ctx, handlers, letters); err != nil {
		return err
	}
	atOnce, err := cfg.concurrency()
	if err != nil {
		return err
	}
	if a.queue, err = job.New(job.Config{Pool: a.pool, Registry: registry, Concurrency: atOnce, Logger: a.logger}); err != nil {
		return err
	}
	jobs.Queue = a.queue
	letters.Register(deadletter.SourceJob, a.queue.Replay)
	if err := a.wireDoors(ctx, cfg, n, letters, keys, opts); err != nil {
		return err
	}
	return a.wireMetrics()
}

// nounParts are what the nouns are made of, beside the plumbing.
type nounParts struct {
	secrets secrets
	once    *once.Keys
	jobs    *laterJobs
	options Options
}

// wireNouns makes the nouns. Each knows of the others only what it asks for.
func (a *App) wireNouns(ctx context.Context, cfg Config, with nounParts) (*nouns, error) {
	now := with.options.Now
	mailer, err := mail.New(mail.Config{
		URL: cfg.SMTPURL.Reveal(), From: cfg.MailFrom, Templates: []fs.FS{account.Mails(), monitor.Mails()}, Pool: a.pool, Logger: a.logger, Now: now,
	})
	if err != nil {
		return nil, err
	}
	n := &nouns{audit: audit.New(audit.Deps{Pool: a.pool}), replays: replay.New(a.pool, with.once)}
	n.activity = activity.New(activity.Deps{Log: a.log, Logger: a.logger})
	n.usage = usage.New(usage.Deps{Pool: a.pool, Logger: a.logger, Now: now, Every: with.options.UsageEvery})
	a.usage = n.usage
	a.usage.Start(ctx)
	n.budgets = budget.New(budget.Deps{
		Pool: a.pool, Learner: cfg.TokensLearnerDay, Service: cfg.TokensServiceDay, Logger: a.logger, Now: now,
	})
	if n.catalogue, err = a.wireCatalogue(ctx, cfg, with); err != nil {
		return nil, err
	}
	n.tasks = task.New(task.Deps{Pool: a.pool, Log: a.log, Jobs: with.jobs, Once: with.once, Logger: a.logger, Now: now})
	n.conversations = conversation.New(conversation.Deps{
		Pool: a.pool, Log: a.log, Locks: a.locks, Model: a.model, Once: with.once, Jobs: with.jobs, Scenes: scenes{n.catalogue},
		Learners: learners{n}, Budgets: n.budgets, Logger: a.logger, Now: now,
	})
	if n.backups, err = newBackups(cfg, a.pool, n, backup.Deps{Logger: a.logger, Now: now}); err != nil {
		return nil, err
	}
	a.backups = n.backups
	if n.accounts, err = a.wireAccounts(ctx, cfg, mailer, n, with); err != nil {
		return nil, err
	}
	n.onboardings = onboarding.New(onboarding.Deps{
		Pool: a.pool, Choices: choices{n.catalogue}, Roles: roles{n.catalogue}, Learners: languages{n.accounts},
		Plans: plans{n.tasks}, Logger: a.logger, Now: now,
	})
	known := profiles{n.onboardings, n.catalogue}
	n.plans = learning.New(learning.Deps{
		Pool: a.pool, Model: a.model, Budgets: n.budgets, Profiles: known, Backgrounds: known, Transcripts: transcripts{n.conversations, n.catalogue},
		Tasks: feedbackTasks{n.tasks}, Jobs: with.jobs, Logger: a.logger, Now: now,
	})
	if n.monitor, err = a.wireMonitor(cfg, n, mailer, with.options); err != nil {
		return nil, err
	}
	a.monitor, a.watches = n.monitor, cfg.Monitor
	return n, nil
}

// wireDoors makes what speaks HTTP.
func (a *App) wireDoors(ctx context.Context, cfg Config, n *nouns, letters *deadletter.Box, keys secrets, opts Options) error {
	proxies, err := cfg.proxies()
	if err != nil {
		return err
	}
	limits, err := cfg.limits()
	if err != nil {
		return err
	}
	cursors := cursor.New(keys.cursor)
	l := a.wireLive(ctx, n, limits, cursors, cfg, opts)
	a.handler, err = api.New(api.Deps{
		Accounts: n.accounts, Activity: n.activity, Gate: a.gate, Limits: limits, Catalogue: n.catalogue, Conversations: n.conversations, Audit: n.audit,
		Tasks: n.tasks, Replays: n.replays, Onboarding: n.onboardings, Learning: n.plans, Usage: n.usage, Budgets: n.budgets, Backups: n.backups,
		Sockets: l.sockets, Streams: a.streams, Tickets: l.tickets, Cursors: cursors, Queues: a.queue, DeadLetters: letters,
		Probes: a.dependencies(), Metrics: a.requests,
		Monitor: n.monitor, Probed: a.probed, NotReady: a.notReady, Draining: a.draining, Logger: a.logger, AllowedOrigins: cfg.AllowedOrigins, TrustedProxies: proxies,
		TLS: cfg.TLSCertFile != "", Now: opts.Now,
	})
	return err
}

// Handler serves the API.
func (a *App) Handler() http.Handler { return a.handler }

// Start begins the background work: jobs, events with their handlers, and the monitor.
func (a *App) Start(ctx context.Context) error {
	a.StartMonitor(ctx)
	if err := a.queue.Start(ctx); err != nil {
		return err
	}
	if err := a.catalogue.AskIndexed(ctx); err != nil {
		a.logger.WarnContext(ctx, "the index of roles is looked at later", "error", err.Error())
	}
	return a.startEvents(ctx)
}

// NotReady makes /readyz fail, so that balancers move on. Idempotent.
func (a *App) NotReady() { a.unready.Do(func() { close(a.notReady) }) }

// Drain ends the node's streams with stream.closing and its WebSockets with 4001, so that
// readers move on. Idempotent.
func (a *App) Drain() {
	a.NotReady()
	a.drain()
}

// StopStreams waits, after Drain, for the streams that http.Server does not know of, and
// cuts them when ctx ends. Idempotent.
func (a *App) StopStreams(ctx context.Context) error { return a.streams.Stop(ctx) }

// StopJobs takes no new job or event, lets those under way finish until ctx ends,
// and hands the rest over to other nodes.
func (a *App) StopJobs(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(a.stopEvents)
	wg.Go(a.monitor.Stop)
	defer wg.Wait()
	return a.queue.Stop(ctx)
}

// closeLimit is how long Close waits for streams to say good-bye.
const closeLimit = 2 * time.Second

// Close lets go of everything, after Drain, StopStreams and StopJobs. Idempotent.
func (a *App) Close() {
	a.close.Do(func() {
		a.drain()
		last, cancel := context.WithTimeout(context.Background(), closeLimit)
		defer cancel()
		if err := a.StopStreams(last); err != nil {
			a.logger.Warn("streams did not end in time", "error", err.Error())
		}
		if a.monitor != nil {
			a.monitor.Stop()
		}
		if a.sockets != nil {
			a.sockets.Stop()
			a.presence.Stop()
		}
		if a.users != nil {
			a.users.Stop()
		}
		if a.catalogue != nil {
			a.catalogue.Stop()
		}
		if a.usage != nil {
			a.usage.Stop()
		}
		if a.backups != nil {
			a.backups.Close()
		}
		if a.tenant != nil {
			a.tenant.Close()
		}
		if a.locks != nil {
			a.locks.Close()
		}
		if a.log != nil {
			_ = a.log.Close()
		}
		if a.model != nil {
			a.model.Close()
			a.embed.Close()
		}
		if a.redis != nil {
			_ = a.redis.Close()
		}
		if a.pool != nil {
			a.pool.Close()
		}
	})
}

// redisTimeout bounds a call to Redis where its caller does not.
const redisTimeout = 2 * time.Second

// openRedis prepares the client, of a cluster where the address has an addr parameter;
// it connects when first used.
func openRedis(rawURL string) (redis.UniversalClient, error) {
	unreadable := errors.New("FLUENTPRO_REDIS_URL: cannot be parsed") // the cause may hold the password
	parsed, err := url.Parse(rawURL)
	if err != nil {
		return nil, unreadable
	}
	if parsed.Query().Has("addr") {
		o, err := redis.ParseClusterURL(rawURL)
		if err != nil {
			return nil, unreadable
		}
		o.ContextTimeoutEnabled, o.DialerRetries = true, 1 // a Redis that is away is found so at once
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout = redisTimeout, redisTimeout, redisTimeout
		return redis.NewClusterClient(o), nil
	}
	o, err := redis.ParseURL(rawURL)
	if err != nil {
		return nil, unreadable
	}
	o.ContextTimeoutEnabled, o.DialerRetries = true, 1
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = redisTimeout, redisTimeout, redisTimeout
	return redis.NewClient(o), nil
}

// signingPurpose names the key that seals signing keys; the command that rotates them
// derives it too.
const signingPurpose = "signing-keys"

// secrets are the keys derived from the master key, one a purpose.
type secrets struct{ signing, refresh, codes, pseudonyms, idempotency, cursor []byte }

func newSecrets(cfg Config) (s secrets, err error) {
	for purpose, into := range map[string]*[]byte{
		signingPurpose: &s.signing, "refresh-tokens": &s.refresh, "mailed-codes": &s.codes, "pseudonyms": &s.pseudonyms, "idempotency": &s.idempotency, "cursors": &s.cursor,
	} {
		if *into, err = cfg.derive(purpose); err != nil {
			return s, fmt.Errorf("derive %s: %w", purpose, err)
		}
	}
	return s, nil
}

// laterJobs is the queue, which needs the workers of the nouns before it can be
// made, while the nouns need it to insert.
type laterJobs struct{ *job.Queue }
