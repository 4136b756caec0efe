package task

import (
	"sync"
	"time"

	"github.com/google/uuid"
)

// writeEvery is the shortest time between two writes of a run's progress.
const writeEvery = 500 * time.Millisecond

// Progress tells a task's user how far its work has come:
//
//	p.Total(int64(len(items)))
//	p.Add(1) // with each item
//
// Both return at once and are safe for concurrent use; what they say is written
// beside the work, the first at once, then at most every half second, the last
// when the work returns.
type Progress struct {
	// TaskID is the task that is worked on: a name for what a run leaves to the next.
	TaskID uuid.UUID

	write func(Tally) bool // false: not now, to be tried again

	mu    sync.Mutex
	tally Tally // without its rate
	wake  chan struct{}
	quit  chan struct{}
	over  chan struct{}
}

// newProgress starts the writer; stop ends it. write must return in a bounded time.
func newProgress(write func(Tally) bool) *Progress {
	p := &Progress{write: write, wake: make(chan struct{}, 1), quit: make(chan struct{}), over: make(chan struct{})}
	go p.run()
	return p
}

// Total says how many items there are in all; it may be said again when more are
// found. A number below 0 is taken for 0.
func (p *Progress) Total(n int64) {
	n = max(n, 0)
	p.mu.Lock()
	p.tally.Total = &n
	p.mu.Unlock()
	p.poke()
}

// Add says that n more items are done. What is done stays done: n below 0 counts
// for nothing.
func (p *Progress) Add(n int64) {
	p.mu.Lock()
	p.tally.Done += max(n, 0)
	p.mu.Unlock()
	p.poke()
}

func (p *Progress) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *Progress) reached() Tally {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tally
}

func (p *Progress) run() {
	defer close(p.over)
	m := newMeter(time.Now())
	for {
		select {
		case <-p.wake:
		case <-p.quit:
			return
		}
		t := p.reached()
		t.Rate = m.read(t.Done, time.Now())
		if !p.write(t) {
			p.poke()
		}
		select {
		case <-time.After(writeEvery):
		case <-p.quit:
			return
		}
	}
}

// stop ends the writer, waits for a write under way, and gives how far the work
// has come: the last is for whoever stores how it ended.
func (p *Progress) stop() Tally {
	close(p.quit)
	<-p.over
	return p.reached()
}
