package monitor

import (
	"context"
	"time"
)

// Next lets tests follow a probe's state without a database.
func (p Probe) Next(s State, r Reading, at time.Time) (State, bool) { return p.next(s, r, at) }

// RetryAfter lets tests know when an alert is due again.
var RetryAfter = retryAfter

// Nodes lets tests look at nodes.
func (s *Service) Nodes(ctx context.Context) (Reading, error) { return s.nodes().Look(ctx) }

// Read lets tests run a probe as the service does.
func (p Probe) Read(ctx context.Context) Reading { return p.read(ctx) }
