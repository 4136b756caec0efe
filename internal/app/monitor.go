package app

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/monitor"
	"github.com/fluentpro/fluentpro/internal/platform/job"
	"github.com/fluentpro/fluentpro/internal/platform/webhook"
)

// wireMonitor makes what looks after the others.
func (a *App) wireMonitor(cfg Config, n *nouns, mailer monitor.Mailer, opts Options) (*monitor.Service, error) {
	d := monitor.Deps{
		Pool: a.pool, Probes: a.probes(n, opts.Now), Node: uuid.New(), Version: version(), Logger: a.logger, Now: opts.Now, Mailer: mailer,
		Addresses: cfg.AlertMails, Alone: a.alone, Tick: opts.MonitorTick,
	}
	if host, err := os.Hostname(); err == nil {
		d.Host = host
	}
	if !cfg.AlertWebhookURL.Empty() {
		sender, err := webhook.New(cfg.alertWebhook())
		if err != nil {
			return nil, err
		}
		d.Webhook = sender
	}
	return monitor.New(d), nil
}

// probes are what the monitor looks at.
func (a *App) probes(n *nouns, now func() time.Time) []monitor.Probe {
	all := []monitor.Probe{
		monitor.Database(a.pool), monitor.Redis(a.pingRedis), monitor.EventLog(a.log), monitor.Locks(a.locks), monitor.Conversation(n.rehearse),
		monitor.Findings(n.damage, now), monitor.Relay(a.backlog), monitor.Queues(a.queues),
	}
	if every := n.backups.Pace(); n.backups.On() && every > 0 {
		all = append(all, monitor.BackupAge(every, n.backups.NewestAt, now), monitor.BackupWhole(n.backups.VerifyNewest))
	}
	return all
}

// damage gives the monitor what verification has found.
func (n *nouns) damage(ctx context.Context) (monitor.Damage, error) {
	d, err := n.conversations.Damage(ctx)
	return monitor.Damage(d), err
}

// backlog gives the monitor what waits in the outbox.
func (a *App) backlog(ctx context.Context) (monitor.Backlog, error) {
	s, err := a.relay.ReadStatus(ctx)
	b := monitor.Backlog{Waiting: s.Waiting, Oldest: s.Oldest}
	for _, g := range s.Groups {
		b.Parked += g.Parked
	}
	return b, err
}

// patientQueues hold long work, which may wait.
var patientQueues = []string{job.QueueMaintenance, job.QueueOnboarding}

// queues gives the monitor how full the job queues are.
func (a *App) queues(ctx context.Context) ([]monitor.Queue, error) {
	all, err := a.queue.Depths(ctx)
	out := make([]monitor.Queue, 0, len(all))
	for _, d := range all {
		out = append(out, monitor.Queue{
			Name: d.Queue, Paused: d.Paused, Waiting: d.Available, Oldest: d.OldestAge, Patient: slices.Contains(patientQueues, d.Queue),
		})
	}
	return out, err
}

// alone has one of several nodes tell of something; if Redis is away as well, each does.
func (a *App) alone(ctx context.Context, what string, within time.Duration) bool {
	first, err := a.redis.SetNX(ctx, "alone:"+what, "1", within).Result()
	return err != nil || first
}

// version is that of the program, as far as the build knows.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return ""
}

// StartMonitor begins to look at the parts of the service, if that is wanted. Idempotent.
func (a *App) StartMonitor(ctx context.Context) {
	if a.watches {
		a.monitor.Start(ctx)
	}
}

// probed gives /readyz what the monitor knows, by probe.
func (a *App) probed() map[string]string {
	out := map[string]string{}
	for _, s := range a.monitor.Seen() {
		out[s.Name] = s.State
	}
	return out
}

// alertWebhook is where changes are told to.
func (c Config) alertWebhook() webhook.Config {
	return webhook.Config{URL: c.AlertWebhookURL.Reveal(), Secret: c.AlertWebhookSecret.Reveal(), Plain: c.Env == Development || c.Env == Test}
}

// alertErrors are what is wrong with the settings of alerts, by variable.
func (c Config) alertErrors() map[string]error {
	errs := map[string]error{}
	switch {
	case !c.AlertWebhookURL.Empty():
		errs["FLUENTPRO_ALERT_WEBHOOK_URL"], errs["FLUENTPRO_ALERT_WEBHOOK_SECRET"] = c.alertWebhook().Check()
	case !c.AlertWebhookSecret.Empty():
		errs["FLUENTPRO_ALERT_WEBHOOK_SECRET"] = errors.New("needs FLUENTPRO_ALERT_WEBHOOK_URL")
	}
	for _, address := range c.AlertMails {
		if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address || strings.TrimSpace(address) != address {
			errs["FLUENTPRO_ALERT_MAILS"] = errors.New("must be addresses such as ops@example.com, separated by commas")
		}
	}
	if c.MetricsAddr != "" && c.MetricsAddr != metricsOff && !strings.Contains(c.MetricsAddr, ":") {
		errs["FLUENTPRO_METRICS_ADDR"] = fmt.Errorf("must be an address such as 127.0.0.1:9090, or %s", metricsOff)
	}
	return errs
}
