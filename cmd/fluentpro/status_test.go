package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/fluentpro/fluentpro/internal/monitor"
)

func TestStatusShowsWhatTheMonitorFoundAndExitsByIt(t *testing.T) {
	pool := database(t)
	out, err := command(t, "status")
	require.Equal(t, exitFailing, report(err, io.Discard), "no node is heard of")
	require.Contains(t, out, "no node is heard of")

	_, err = pool.Exec(t.Context(), `insert into monitor_nodes (id, host, version, started_at, seen_at) values ($1, 'api-1', '2.0.0', now() - interval '1 hour', now())`, uuid.New())
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `insert into monitor_probes (name, state, since, value, unit, detail, checked_at, pace, lease, calm_since, due_at)
		values ('redis', 'ok', now() - interval '2 hours', 0.0012, 'seconds', '', now(), '15s', '10s', now(), now())`)
	require.NoError(t, err)
	out, err = command(t, "status")
	require.NoError(t, err)
	require.Equal(t, []string{"redis", "ok", "2h0m0s", "1ms", "0s"}, words(t, out, "redis"))
	require.NotContains(t, out, "\x1b", "no colours but on a terminal")

	for state, code := range map[string]int{monitor.Degraded: exitDegraded, monitor.Failing: exitFailing} {
		_, err = pool.Exec(t.Context(), "update monitor_probes set state = $1, detail = 'slow today'", state)
		require.NoError(t, err)
		out, err = command(t, "status", "--output", "json")
		require.Equal(t, code, report(err, io.Discard))
		var told struct {
			State  string
			Probes []struct{ Detail string }
		}
		require.NoError(t, json.Unmarshal([]byte(out), &told))
		require.Equal(t, state, told.State)
		require.Equal(t, "slow today", told.Probes[0].Detail)
	}
	for _, wrong := range [][]string{{"--output", "xml"}, {"--every", "1ms"}, {"--changes", "101"}} {
		_, err = command(t, append([]string{"status"}, wrong...)...)
		require.ErrorContains(t, err, wrong[0])
	}
}

func TestStatusWatchesUntilItIsInterrupted(t *testing.T) {
	database(t)
	ctx, cancel := context.WithCancel(t.Context())
	frames := &frames{enough: 2, done: cancel}
	cmd := root()
	cmd.SetArgs([]string{"status", "--watch", "--every", "1s", "--output", "json"})
	cmd.SetOut(frames)
	require.Equal(t, exitFailing, report(cmd.ExecuteContext(ctx), io.Discard))
	require.GreaterOrEqual(t, frames.seen, 2)
}

// frames counts what is shown, and ends it.
type frames struct {
	seen, enough int
	done         func()
}

// Write takes a frame.
func (f *frames) Write(p []byte) (int, error) {
	if f.seen += bytes.Count(p, []byte("\n")); f.seen >= f.enough {
		f.done()
	}
	return len(p), nil
}

func TestStatusHasColoursWhereTheyAreShown(t *testing.T) {
	t.Parallel()
	at := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	o := monitor.Overview{
		State: monitor.Failing, At: at, Probes: []monitor.State{{Name: "database", State: monitor.Failing, Since: at, Stale: true}},
		Changes: []monitor.Change{{Name: "database", At: at, Previous: monitor.OK, State: monitor.Failing}},
		Nodes: []monitor.Node{
			{Host: "a", Level: monitor.OK, StartedAt: at, SeenAt: at}, {Host: "b", Level: monitor.OK, SeenAt: at.Add(-time.Hour)},
			{Host: "c", Level: monitor.OK, StoppedAt: &at},
		},
	}
	var coloured, plain bytes.Buffer
	require.NoError(t, printStatus(&colorprofile.Writer{Forward: &coloured, Profile: colorprofile.ANSI}, o))
	require.Contains(t, coloured.String(), "\x1b[31m")
	require.NoError(t, printStatus(colorprofile.NewWriter(&plain, []string{"NO_COLOR=1", "TERM=xterm-256color"}), o))
	require.NotContains(t, plain.String(), "\x1b[31m")
	for _, says := range []string{"never", "failing (stale)", "silent", "stopped", "2031-03-01 12:00:00"} {
		require.Contains(t, plain.String(), says)
	}
	require.False(t, strings.Contains(plain.String(), "\x1b"))
}
