package task_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/task"
)

// written is what a progress has written, and when.
type written struct {
	mu     sync.Mutex
	began  time.Time
	at     []time.Duration
	tally  []task.Tally
	refuse bool
}

func (w *written) write(t task.Tally) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.tally = append(w.at, time.Since(w.began)), append(w.tally, t)
	return !w.refuse
}

func (w *written) last() task.Tally { return w.tally[len(w.tally)-1] }

// writing runs a test in a world whose time passes only when all wait.
func writing(t *testing.T, test func(p *task.Progress, w *written)) {
	t.Parallel()
	synctest.Test(t, func(*testing.T) {
		w := &written{began: time.Now()}
		test(task.NewProgress(w.write), w)
	})
}

func TestProgressIsWrittenAtOnceThenTwiceASecondAtMost(t *testing.T) {
	writing(t, func(p *task.Progress, w *written) {
		p.Total(1000)
		for range 990 { // for ten seconds, all but
			p.Add(1)
			time.Sleep(10 * time.Millisecond)
		}
		require.Equal(t, task.Tally{Done: 990, Total: ptr[int64](1000)}, p.Stop())
		require.Len(t, w.at, 20)
		for i, at := range w.at {
			require.Equal(t, time.Duration(i)*task.WriteEvery, at)
		}
		require.LessOrEqual(t, w.tally[0].Done, int64(1))
		require.Nil(t, w.tally[1].Rate, "half a second says nothing")
		require.InDelta(t, 100, *w.last().Rate, 2)
		require.InDelta(t, 1, *w.last().ETA(), 0.1)
	})
}

func TestNothingIsWrittenThatWasNotSaid(t *testing.T) {
	writing(t, func(p *task.Progress, w *written) {
		time.Sleep(time.Minute)
		p.Add(3)
		time.Sleep(time.Minute)
		p.Stop()
		require.Equal(t, []time.Duration{time.Minute}, w.at)
	})
}

func TestAWriteThatFailsIsTriedAgainWithWhatIsDoneByThen(t *testing.T) {
	writing(t, func(p *task.Progress, w *written) {
		w.refuse = true
		p.Add(1)
		synctest.Wait()
		p.Add(1)
		time.Sleep(700 * time.Millisecond)
		w.mu.Lock()
		w.refuse = false
		w.mu.Unlock()
		time.Sleep(time.Minute)
		p.Stop()
		require.Equal(t, []time.Duration{0, task.WriteEvery, 2 * task.WriteEvery}, w.at)
		require.EqualValues(t, 1, w.tally[0].Done)
		require.EqualValues(t, 2, w.last().Done)
	})
}

func TestTheWorkNeverWaitsForAWriteButTheEndDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		p := task.NewProgress(func(task.Tally) bool { time.Sleep(2 * time.Second); return true })
		for range 100 {
			p.Total(100)
			p.Add(1)
		}
		require.Zero(t, time.Since(began))
		synctest.Wait()
		require.EqualValues(t, 100, p.Stop().Done)
		require.Equal(t, 2*time.Second, time.Since(began))
		p.Add(1) // of a straggler: no harm
	})
}

func TestManyMayAddAtOnce(t *testing.T) {
	writing(t, func(p *task.Progress, _ *written) {
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				for range 100 {
					p.Add(2)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 10_000, p.Stop().Done)
	})
}

func TestProgressNeverGoesBack(t *testing.T) {
	writing(t, func(p *task.Progress, _ *written) {
		p.Add(5)
		p.Add(-3)
		p.Total(-1)
		require.Equal(t, task.Tally{Done: 5, Total: ptr[int64](0)}, p.Stop())
	})
}
