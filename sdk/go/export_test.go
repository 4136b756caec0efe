package fluentpro

import "time"

// Quiet lets tests bound silence by less.
func (c *Client) Quiet(d time.Duration) { c.quiet = d }

// Pause lets tests say how long a WebSocket waits before it comes back.
func (c *Client) Pause(f func(failures int, hint time.Duration) time.Duration) { c.pause = f }
