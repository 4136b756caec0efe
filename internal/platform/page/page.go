// Package page cuts large results into keyset pages, and serves a whole result
// as NDJSON: one JSON object a line, written page by page.
//
// Stream promises that an export costs the same memory however long it is, that
// of one page of lines; that no page is read while one is being written, so that
// a client, however slow, holds no connection of the database; that it ends soon
// after the client has left, and at the latest after Config.Limit; and that its
// end is visible: {"type":"end","count":n} is the last line of a whole export and
// of no other. Exporter promises that a node serves a bounded number at once and
// refuses more at once.
//
// An export is not one snapshot: each page is a query of its own, so what
// changes meanwhile is in it or not. The package knows no row by meaning, and
// cannot resume: a cut export is asked for again.
package page

import (
	"cmp"
	"time"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// MediaType is that of an export.
const MediaType = "application/x-ndjson"

// Defaults of Config.
const (
	DefaultAtOnce       = 4
	DefaultRows         = 1000
	DefaultWriteTimeout = 10 * time.Second
	DefaultLimit        = 15 * time.Minute
	DefaultRetryDelay   = 500 * time.Millisecond
)

// retries is how often a page that failed in passing is read again.
const retries = 4

// Faults: the first answers a request, the second is a last line.
var (
	errBusy = fault.New(fault.Unavailable, "export.busy", "This node serves as many exports as it can; try again shortly.").
		WithRetryAfter(10 * time.Second)
	errOutOfTime = fault.New(fault.Unavailable, "export.out_of_time", "The export took longer than it may; narrow its filter, or read faster.")
)

// Config of an Exporter; only Describe must be there.
type Config struct {
	AtOnce       int                               // exports at once; 0: DefaultAtOnce
	Rows         int                               // of a page; 0: DefaultRows
	WriteTimeout time.Duration                     // for a client to take 64 KiB, so the least pace is 6.4 KiB/s; 0: DefaultWriteTimeout
	Limit        time.Duration                     // of a whole export; 0: DefaultLimit
	RetryDelay   time.Duration                     // before a page is read again, doubled each time, 4 times at most; 0: DefaultRetryDelay
	Describe     func(error) (code, detail string) // what a client may know of an error in mid-export
}

// Exporter bounds the exports of a node: all its streams share one.
type Exporter struct {
	cfg   Config
	slots chan struct{}
}

// New makes an Exporter.
func New(cfg Config) *Exporter {
	cfg.AtOnce = cmp.Or(cfg.AtOnce, DefaultAtOnce)
	cfg.Rows = cmp.Or(cfg.Rows, DefaultRows)
	cfg.WriteTimeout = cmp.Or(cfg.WriteTimeout, DefaultWriteTimeout)
	cfg.Limit = cmp.Or(cfg.Limit, DefaultLimit)
	cfg.RetryDelay = cmp.Or(cfg.RetryDelay, DefaultRetryDelay)
	return &Exporter{cfg: cfg, slots: make(chan struct{}, cfg.AtOnce)}
}

// acquire takes a slot, or says that none is free.
func (e *Exporter) acquire() bool {
	select {
	case e.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

func (e *Exporter) release() { <-e.slots }

// Cut takes a page out of what a query for limit+1 rows gave, and says whether
// there are more.
func Cut[Row any](rows []Row, limit int) ([]Row, bool) {
	if len(rows) > limit {
		return rows[:limit], true
	}
	return rows, false
}
