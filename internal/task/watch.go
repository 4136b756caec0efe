package task

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
)

// watchEvery is how often a node asks whether its running tasks are to stop, so
// that a cancel takes effect within a second wherever it was asked for.
const watchEvery = 500 * time.Millisecond

// A watch stops this node's runs whose tasks are to be cancelled: one query for
// all of them. It runs while there are runs; the last one waits for its end.
type watch struct {
	cancelled func(ctx context.Context, ids []uuid.UUID) ([]uuid.UUID, error)
	logger    *slog.Logger

	mu   sync.Mutex
	runs map[*watched]struct{}
	stop func() // ends the loop; nil when there is none
}

// watched is one run. A task may have two on a node, when a lease has lapsed.
type watched struct {
	id     uuid.UUID
	cancel context.CancelCauseFunc
}

// add watches a run until leave is called: cancel gets ErrCancelled.
func (w *watch) add(id uuid.UUID, cancel context.CancelCauseFunc) (leave func()) {
	r := &watched{id: id, cancel: cancel}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stop == nil {
		w.runs, w.stop = map[*watched]struct{}{}, w.start()
	}
	w.runs[r] = struct{}{}
	return func() { w.leave(r) }
}

func (w *watch) leave(r *watched) {
	w.mu.Lock()
	delete(w.runs, r)
	var stop func()
	if len(w.runs) == 0 {
		stop, w.stop = w.stop, nil
	}
	w.mu.Unlock()
	if stop != nil {
		stop()
	}
}

func (w *watch) start() (stop func()) {
	quit, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				w.look()
			case <-quit:
				return
			}
		}
	}()
	return func() { close(quit); <-over }
}

func (w *watch) look() {
	ids := w.ids()
	ctx, cancel := context.WithTimeout(context.Background(), watchEvery)
	defer cancel()
	found, err := w.cancelled(ctx, ids)
	if err != nil {
		w.logger.Warn("look for cancelled tasks", "error", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range found {
		for r := range w.runs {
			if r.id == id {
				r.cancel(ErrCancelled)
			}
		}
	}
}

func (w *watch) ids() []uuid.UUID {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := make([]uuid.UUID, 0, len(w.runs))
	for r := range w.runs {
		ids = append(ids, r.id)
	}
	return ids
}
