package main

import (
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

// bar shows how far long work has come, where somebody sees it.
type bar struct{ shown *progressbar.ProgressBar } // nil: nobody does

// progress begins to show it on standard error, if that is a terminal; done ends it.
func progress(cmd *cobra.Command, what string) (b bar, done func()) {
	out, ok := cmd.ErrOrStderr().(*os.File)
	if !ok {
		return bar{}, func() {}
	}
	if info, err := out.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return bar{}, func() {}
	}
	shown := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
	return bar{shown}, func() { _ = shown.Finish() }
}

// Total says how much there is.
func (b bar) Total(n int64) {
	if b.shown != nil {
		b.shown.ChangeMax64(n)
	}
}

// Add says that more is done.
func (b bar) Add(n int64) {
	if b.shown != nil {
		_ = b.shown.Add64(n) // it is only shown
	}
}
