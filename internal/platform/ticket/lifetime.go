package ticket

import "time"

// Lifetime is how long a ticket can be redeemed.
func (t *Tickets) Lifetime() time.Duration { return t.config.Lifetime }
