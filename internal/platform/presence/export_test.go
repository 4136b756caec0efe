package presence

// Die ends the node's work as a crash would: nothing is said to Redis.
func (p *Presence) Die() {
	p.once.stop.Do(func() {
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.stop()
		p.calls.Wait()
		p.work.Wait()
	})
}

// Hold is Join without Redis, for what a member takes in memory.
func (p *Presence) Hold(in JoinInput) error {
	at, h, err := p.hold(in)
	if err == nil {
		p.joined(at, h, p.holder(), 1)
	}
	return err
}

// Pending counts what is still to be written.
func (p *Presence) Pending() int { return p.pendingCount() }

// Incarnation is which this node is in.
func (p *Presence) Incarnation() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.incarnation
}
