package monitor

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/mail"
)

// Bounds of telling.
const (
	MaxAttempts  = 10               // over about an hour
	firstRetry   = 10 * time.Second // after the first attempt; twice as long after each more
	longestRetry = 20 * time.Minute
	tellTimeout  = 10 * time.Second // of one attempt
	alertHeld    = time.Minute      // by the node that is at it
	alertBite    = 20
)

//go:embed mails
var mailFiles embed.FS

var mails = func() fs.FS {
	folder, err := fs.Sub(mailFiles, "mails")
	if err != nil {
		panic(err) // it is embedded
	}
	return folder
}()

// channel is a way to tell of a change. A permanent error is not tried again.
type channel func(ctx context.Context, attempt int, c Change) (permanent bool, err error)

// webhookChannel names the one that there can be.
const webhookChannel = "webhook"

// channels are the ways of a configuration, by the names under which alerts are stored.
func channels(d Deps) map[string]channel {
	all := map[string]channel{}
	if d.Webhook != nil {
		all[webhookChannel] = func(ctx context.Context, _ int, c Change) (bool, error) {
			payload, err := payloadOf(c)
			if err != nil {
				return true, err
			}
			return false, d.Webhook.Send(ctx, c.ID.String(), d.Now(), payload)
		}
	}
	for _, address := range d.Addresses {
		sum := sha256.Sum256([]byte(address))
		name := "mail:" + hex.EncodeToString(sum[:8])
		all[name] = func(ctx context.Context, attempt int, c Change) (bool, error) {
			err := d.Mailer.Send(ctx, int64(attempt), mail.Message{
				Key: "monitor/" + c.ID.String() + "/" + name, To: mail.Address{Address: address}, Language: "en", Template: "probe_changed", Data: told{
					Probe: c.Name, Previous: c.Previous, State: c.State, At: c.At.Format(time.RFC3339), Value: Value(c.Value, c.Unit), Detail: c.Detail,
					ID: c.ID.String(),
				},
			})
			return errors.Is(err, mail.ErrPermanent), err
		}
	}
	return all
}

// told is the data of a mail.
type told struct{ Probe, Previous, State, At, Value, Detail, ID string }

// Value puts a value and its unit into words.
func Value(v float64, unit string) string {
	if unit != UnitSeconds {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	d := time.Duration(v * float64(time.Second))
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// payload is what a webhook gets; fields may be added, never changed.
type payload struct {
	Type      string      `json:"type"`
	Timestamp time.Time   `json:"timestamp"`
	Data      payloadData `json:"data"`
}

type payloadData struct {
	ChangeID uuid.UUID `json:"change_id"`
	Probe    string    `json:"probe"`
	Previous string    `json:"previous"`
	State    string    `json:"state"`
	Value    float64   `json:"value"`
	Unit     string    `json:"unit"`
	Detail   string    `json:"detail"`
	NodeID   uuid.UUID `json:"node_id"`
}

func payloadOf(c Change) ([]byte, error) {
	text, err := json.Marshal(payload{
		Type: "system.probe_changed", Timestamp: c.At,
		Data: payloadData{c.ID, c.Name, c.Previous, c.State, c.Value, c.Unit, c.Detail, c.Node},
	})
	if err != nil {
		return nil, fmt.Errorf("tell of change %s: %w", c.ID, err)
	}
	return text, nil
}

func (s *Service) channelNames() []string { return slices.Sorted(maps.Keys(s.channels)) }

// alert is one change to be told through one channel.
type alert struct {
	Change
	channel string
	attempt int // this one
}

// tell makes an attempt at each alert that is due.
func (s *Service) tell(ctx context.Context) {
	if len(s.channels) == 0 {
		return
	}
	s.tellUntold(ctx)
	now := s.clock()
	bounded, cancel := context.WithTimeout(ctx, roundLimit)
	defer cancel()
	due, err := s.store.claimAlerts(bounded, s.channelNames(), now, now.Add(alertHeld))
	if err != nil {
		s.say(ctx, "alerts could not be claimed", err)
		return
	}
	var work sync.WaitGroup
	for _, a := range due {
		work.Go(func() { s.attempt(ctx, a) })
	}
	work.Wait()
}

// attempt tells once, and stores what came of it; where that fails it is told again, under
// the same id.
func (s *Service) attempt(ctx context.Context, a alert) {
	bounded, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	permanent, err := s.channels[a.channel](bounded, a.attempt, a.Change)
	if ctx.Err() != nil {
		return // the node stops; another tries again
	}
	storing, done := context.WithTimeout(ctx, roundLimit)
	defer done()
	now := s.clock()
	switch {
	case err == nil:
		err = s.store.endAlert(storing, a, now, false)
	case permanent || a.attempt >= MaxAttempts:
		s.logger.ErrorContext(ctx, "an alert was given up", "change_id", a.ID.String(), "probe", a.Name, "channel", a.channel, "attempts", a.attempt, "error", err.Error())
		err = s.store.endAlert(storing, a, now, true)
	default:
		s.logger.WarnContext(ctx, "an alert is tried again later", "change_id", a.ID.String(), "probe", a.Name, "channel", a.channel, "attempt", a.attempt, "error", err.Error())
		err = s.store.putOff(storing, a, now.Add(retryAfter(a.attempt)))
	}
	if err != nil {
		s.say(ctx, "what became of an alert could not be stored", err)
	}
}

// retryAfter is how long to wait after an attempt.
func retryAfter(attempt int) time.Duration {
	wait := firstRetry
	for range attempt - 1 {
		wait = min(2*wait, longestRetry)
	}
	return wait
}

// news is what a node tells from memory.
type news struct {
	alert

	due time.Time
}

// aloneFor is how long other nodes leave it to this one to tell of an outage.
const aloneFor = 10 * time.Minute

// tellAlone tells that the database is away, which no alert in it could, and that it is
// back. Mails are not sent: that none is sent twice is written down there.
func (s *Service) tellAlone(ctx context.Context, p Probe, before, after State) {
	if p.Name != NameDatabase || s.channels[webhookChannel] == nil {
		return
	}
	switch {
	case after.State == Failing && !s.alarmed:
		if s.alone != nil && !s.alone(ctx, "monitor/"+NameDatabase, aloneFor) {
			return
		}
		s.alarmed = true
	case after.State == OK && s.alarmed:
		s.alarmed = false
	default:
		return
	}
	id, err := uuid.NewV7()
	if err != nil {
		return
	}
	c := Change{ID: id, Name: p.Name, At: after.Since, Previous: before.State, State: after.State, Value: after.Value, Unit: after.Unit, Detail: after.Detail, Node: s.node.ID}
	s.mu.Lock()
	s.untold = append(s.untold, &news{alert: alert{Change: c, channel: webhookChannel}, due: after.Since})
	s.mu.Unlock()
}

// tellUntold makes an attempt at each news that is due.
func (s *Service) tellUntold(ctx context.Context) {
	now := s.clock()
	s.mu.Lock()
	var due []*news
	for _, n := range s.untold {
		if !n.due.After(now) {
			n.attempt++
			n.due = now.Add(retryAfter(n.attempt))
			due = append(due, n)
		}
	}
	s.mu.Unlock()
	for _, n := range due {
		bounded, cancel := context.WithTimeout(ctx, tellTimeout)
		_, err := s.channels[n.channel](bounded, n.attempt, n.Change)
		cancel()
		if err != nil {
			s.logger.WarnContext(ctx, "an alert could not be told", "probe", n.Name, "channel", n.channel, "attempt", n.attempt, "error", err.Error())
		}
		if err == nil || n.attempt >= MaxAttempts {
			s.mu.Lock()
			s.untold = slices.DeleteFunc(s.untold, func(one *news) bool { return one == n })
			s.mu.Unlock()
		}
	}
}
