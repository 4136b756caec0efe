package lock_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fluentpro/fluentpro/internal/devstack"
	"github.com/fluentpro/fluentpro/internal/platform/lock"
)

// row is what the lock is about: it keeps the fence of its last writer.
type row struct {
	text  string
	fence int64
}

// write is what `update ... where fence <= $1` does.
func (r *row) write(text string, fence int64) bool {
	if fence < r.fence {
		return false
	}
	r.text, r.fence = text, fence
	return true
}

// Work under a lock, and without it while Redis is away: the guard of the row
// decides in either case.
func Example() {
	ctx := context.Background()
	server, err := devstack.StartRedis(ctx, devstack.RedisConfig{ForceInProcess: true})
	if err != nil {
		panic(err)
	}
	defer server.Stop(ctx)
	options, _ := redis.ParseURL(server.URL())
	options.ContextTimeoutEnabled = true
	client := redis.NewClient(options)
	defer client.Close()

	locks, err := lock.New(lock.Config{Client: client})
	if err != nil {
		panic(err)
	}
	defer locks.Close()

	kept := row{text: "old", fence: 6}
	held, err := locks.Acquire(ctx, lock.AcquireInput{Name: "conversation:1", Floor: kept.fence, Wait: 2 * time.Second})
	switch {
	case errors.Is(err, lock.ErrUnavailable):
		return // or go on, and let the row's version decide
	case err != nil:
		panic(err) // ErrBusy: say so to the client
	}
	defer held.Release(ctx)

	work := held.Context() // ends, too, when the lock is lost
	fmt.Println("fence", held.Fence(), work.Err())
	fmt.Println("written", kept.write("new", held.Fence()))
	fmt.Println("an overtaken holder", kept.write("late", held.Fence()-1))
	// Output:
	// fence 7 <nil>
	// written true
	// an overtaken holder false
}
