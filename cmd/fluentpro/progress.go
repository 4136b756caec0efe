package main

import (
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

// meter shows how far long work has come, where somebody sees it.
type meter struct{ shown *progressbar.ProgressBar } // nil: nobody does

// progress begins to show it on standard error, if that is a terminal; done ends it.
func progress(cmd *cobra.Command, what string) (m meter, done func()) {
	out, ok := cmd.ErrOrStderr().(*os.File)
	if !ok {
		return meter{}, func() {}
	}
	if info, err := out.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return meter{}, func() {}
	}
	shown := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
	return meter{shown}, func() { _ = shown.Finish() }
}

// Total says how much there is.
func (m meter) Total(n int64) {
	if m.shown != nil {
		m.shown.ChangeMax64(n)
	}
}

// Add says that more is done.
func (m meter) Add(n int64) {
	if m.shown != nil {
		_ = m.shown.Add64(n) // it is only shown
	}
}
