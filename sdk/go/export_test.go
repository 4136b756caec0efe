package fluentpro

import "time"

// Quiet lets tests bound silence by less.
func (c *Client) Quiet(d time.Duration) { c.quiet = d }
