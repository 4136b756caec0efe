package lock

import "context"

// Abandon gives back what a token has, as a waiter does that leaves.
func Abandon(ctx context.Context, l *Locks, name, token string) error {
	_, err := l.giveBack(ctx, l.keysOf(name), token)
	return err
}

// Waiting counts the places in a queue.
func Waiting(ctx context.Context, l *Locks, name string) int64 {
	return l.client.ZCard(ctx, l.keysOf(name).queue.(string)).Val()
}
