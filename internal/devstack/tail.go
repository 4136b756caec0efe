package devstack

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
)

// Bounds of what is kept of a server's log, for the error that tells of its end.
const (
	tailLines = 30
	tailWidth = 500 // bytes of one line
)

// tail keeps the last lines of a program's output and passes each to the log at
// debug level. It may be written to and read at once.
type tail struct {
	name   string
	logger *slog.Logger

	mu    sync.Mutex
	lines []string
	part  []byte // the line that has not ended yet
}

func newTail(name string, logger *slog.Logger) *tail { return &tail{name: name, logger: logger} }

// Write never fails, so that the program never stands still for its log.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for rest := b; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte{'\n'})
		t.part = append(t.part, line[:min(len(line), max(0, tailWidth-len(t.part)))]...)
		if ended {
			t.add(strings.TrimRight(string(t.part), "\r"))
			t.part = t.part[:0]
		}
		rest = after
	}
	return len(b), nil
}

func (t *tail) add(line string) {
	if line == "" {
		return
	}
	t.lines = append(t.lines, line)
	if len(t.lines) > tailLines {
		t.lines = t.lines[1:]
	}
	t.logger.LogAttrs(context.Background(), slog.LevelDebug, line, slog.String("server", t.name))
}

// String is the last lines, the newest last.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := t.lines
	if len(t.part) > 0 {
		lines = append(lines[:len(lines):len(lines)], string(t.part))
	}
	return strings.Join(lines, "\n")
}
