package account

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/internal/platform/gate"
)

// copyLifetime is how long a session's copy in Redis goes without being compared
// with its row.
const copyLifetime = 15 * time.Minute

// touchEvery is how often a row learns when its session was last seen, while there is
// no copy to keep that.
const touchEvery = time.Minute

// rememberedTokens bounds how many verified tokens a node remembers, about 300
// bytes each.
const rememberedTokens = 16_384

// AuthenticateInput is a request that brings an access token.
type AuthenticateInput struct {
	Token  string
	Limit  gate.Limit // the request counts against it, for its user
	Client Client
}

// Authenticate tells whom an access token speaks for, if its session still
// lives, and whether the user's limit lets the request pass. The session is read
// from its copy, in the round trip that counts the request; where there is no copy, or
// this node may have missed that a session ended, the row decides. Faults:
// auth.invalid_token; server.unavailable when that cannot be known, since an
// unknown session is never let pass.
func (s *Service) Authenticate(ctx context.Context, in AuthenticateInput) (Principal, gate.Pass, error) {
	p, err := s.principal(ctx, in.Token, in.Client)
	if err != nil {
		return Principal{}, gate.Pass{}, err
	}
	if s.changes.hasEnded(p.SessionID) {
		return Principal{}, gate.Pass{}, ErrInvalidToken
	}
	pass, record, err := s.gate.Enter(ctx, p.UserID.String(), in.Limit, p.SessionID.String())
	if err == nil && record.State == gate.Shut {
		return Principal{}, pass, ErrInvalidToken
	}
	live, known := readCopy(record, p.UserID, s.now())
	if !known || err != nil || !s.changes.fresh() {
		if live, err = s.readSession(ctx, p); err != nil {
			return Principal{}, pass, err
		}
	}
	p.Roles = live.Roles
	return p, pass, nil
}

// WatchSession gives a channel that is closed within a second after a session
// has ended, on every node, for what lives longer than a request; release must follow.
func (s *Service) WatchSession(session uuid.UUID) (ended <-chan struct{}, release func()) {
	over, release := s.changes.watch(session)
	return over.Done(), release
}

// AfterSession is WatchSession without a goroutine that waits: fn is called once, in its
// own, unless release comes before.
func (s *Service) AfterSession(session uuid.UUID, fn func()) (release func()) {
	over, leave := s.changes.watch(session)
	stop := context.AfterFunc(over, fn)
	return func() {
		stop()
		leave()
	}
}

// Revisit tells whether a session that was proven before still lives, and what its user may
// do now. Faults as Authenticate has them.
func (s *Service) Revisit(ctx context.Context, p Principal) (Principal, error) {
	if s.changes.hasEnded(p.SessionID) {
		return Principal{}, ErrInvalidToken
	}
	live, err := s.readSession(ctx, p)
	if err != nil {
		return Principal{}, err
	}
	p.Roles = live.Roles
	return p, nil
}

// principal is whom a token speaks for by itself. A token that was verified once
// is known by its hash, so that its signature is not checked again.
func (s *Service) principal(ctx context.Context, token string, client Client) (Principal, error) {
	hash := sha256.Sum256([]byte(token))
	if p, ok := s.verified.Get(hash); ok && s.now().Before(p.ExpiresAt.Add(clockLeeway)) {
		return p, nil
	}
	var p Principal
	var err error
	keys := s.issuer.keys.retirements.Load()
	if s.tenant != nil && issuerOf(token) == s.tenant.Issuer() {
		p, err = s.fromTenant(ctx, token, client)
	} else {
		p, err = s.issuer.verify(ctx, token)
	}
	if err != nil {
		return p, err
	}
	if s.verified.Add(hash, p); s.issuer.keys.retirements.Load() != keys {
		s.verified.Remove(hash) // its key may have gone meanwhile
	}
	return p, nil
}

// liveCopy is a session's copy in Redis; nodes of neighbouring releases read it.
type liveCopy struct {
	Format    int       `json:"v"` // 1
	UserID    uuid.UUID `json:"user_id"`
	Device    string    `json:"device"`
	Address   string    `json:"address"`
	Roles     []string  `json:"roles"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"` // when it was last seen is kept beside this, by the gate
}

// readCopy gives the copy of a user's session, if there is one and it lives.
func readCopy(r gate.Record, user uuid.UUID, now time.Time) (c liveCopy, ok bool) {
	if r.State != gate.Open || json.Unmarshal(r.Value, &c) != nil {
		return c, false
	}
	return c, c.Format == 1 && c.UserID == user && now.Before(c.ExpiresAt)
}

// readSession reads the row of a token's session, and leaves a copy.
func (s *Service) readSession(ctx context.Context, p Principal) (liveCopy, error) {
	now := s.now()
	row, err := s.store.liveSession(ctx, p.SessionID, p.UserID, now)
	if err != nil {
		return liveCopy{}, err
	}
	c := liveCopy{
		Format: 1, UserID: row.UserID, Device: row.Device, Address: row.Address, Roles: row.Roles,
		CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt,
	}
	text, err := json.Marshal(c)
	if err != nil {
		return c, err
	}
	if _, err := s.gate.Open(ctx, p.UserID.String(), p.SessionID.String(), text, min(copyLifetime, row.ExpiresAt.Sub(now))); err != nil {
		s.logger.DebugContext(ctx, "session not copied", "error", err.Error()) // the row decides next time too
	}
	if now.Sub(row.LastSeenAt) >= touchEvery {
		return c, s.store.touchSession(ctx, p.SessionID, now)
	}
	return c, nil
}
