package outbox

import "context"

// OnStep lets a test act when a step is reached, before Start.
func (r *Relay) OnStep(h func(ctx context.Context, step string)) { r.hook = h }

// OnStep lets a test act when a step is reached, before Start.
func (c *Consumers) OnStep(h func(ctx context.Context, step string)) { c.hook = h }

// Kill ends everything at once, as the end of the process would: nothing is
// given back.
func (r *Relay) Kill() {
	r.quit()
	r.wg.Wait()
	r.share.abandon()
}

// Kill ends everything at once, as the end of the process would.
func (c *Consumers) Kill() {
	c.kill()
	c.share.abandon()
	close(c.quit)
	c.wg.Wait()
}

// abandon ends the loop without giving anything back.
func (s *share) abandon() {
	s.abandoned.Store(true)
	s.close()
}

// SetStreamCap makes streams of a started relay smaller.
func (r *Relay) SetStreamCap(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streams.cap = n
}

// StreamKey is the key of a partition's stream, of a started relay.
func (r *Relay) StreamKey(partition int) string { return r.streams.key(partition) }

// PartitionOf says where an aggregate's events go.
var PartitionOf = partitionOf

// Abandon takes the node for dead while its work goes on.
func (c *Consumers) Abandon() {
	c.share.abandoned.Store(true)
	c.share.stop.Do(func() { close(c.share.quit) })
	c.share.wg.Wait()
}

// Working says whether the consumer of a partition still goes on.
func (c *Consumers) Working(group string, partition int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.running[place{group, partition}]
	if one == nil {
		return false
	}
	select {
	case <-one.done:
		return false
	default:
		return true
	}
}
