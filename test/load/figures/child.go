package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Bounds of starting and stopping a process, and how often is looked.
const (
	startLimit = 90 * time.Second
	endLimit   = 30 * time.Second
	tick       = time.Millisecond
)

// userHZ is the unit of CPU times in /proc, the same on all architectures.
const userHZ = 100

// child is a process that is measured, or that others need.
type child struct {
	url  string
	cmd  *exec.Cmd
	log  string // the file of what it says
	done chan struct{}
}

// start runs a program with these settings and no others of ours. It ends with
// the stage at the latest.
func (s *stage) start(ctx context.Context, program string, settings []string, arguments ...string) (*child, error) {
	log, err := os.CreateTemp(s.dir, "log-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own
	c := &child{cmd: exec.CommandContext(ctx, program, arguments...), log: log.Name(), done: make(chan struct{})}
	for _, one := range c.cmd.Environ() {
		if !strings.HasPrefix(one, "FLUENTPRO_") {
			c.cmd.Env = append(c.cmd.Env, one)
		}
	}
	c.cmd.Env = append(c.cmd.Env, settings...)
	c.cmd.Stdout, c.cmd.Stderr = log, log
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	c.cmd.WaitDelay = endLimit
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(program), err)
	}
	go func() {
		_ = c.cmd.Wait() // its state tells how it ended
		close(c.done)
	}()
	s.closers = append(s.closers, c.stop)
	return c, nil
}

// stop asks the process to end, and makes it when it does not. Idempotent.
func (c *child) stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-c.done:
		return nil
	case <-time.After(endLimit):
	}
	err := c.cmd.Process.Kill()
	<-c.done
	return errors.Join(fmt.Errorf("%s did not stop in %s", c.cmd.Args, endLimit), err)
}

// ready waits until /readyz is 200.
func (c *child) ready(ctx context.Context) error {
	return c.until(ctx, func() bool {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/readyz", nil)
		if err != nil {
			return false
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		_ = response.Body.Close() // only the status counts
		return response.StatusCode == http.StatusOK
	})
}

// told waits until the process has said its address, alone on its first line.
func (c *child) told(ctx context.Context) error {
	return c.until(ctx, func() bool {
		line, _, whole := strings.Cut(c.tail(), "\n")
		c.url = "http://" + line
		return whole
	})
}

func (c *child) until(ctx context.Context, condition func() bool) error {
	for deadline := time.Now().Add(startLimit); !condition(); {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.done:
			return fmt.Errorf("%s ended:\n%s", c.cmd.Args, c.tail())
		case <-time.After(tick):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is not ready after %s:\n%s", c.cmd.Args, startLimit, c.tail())
		}
	}
	return nil
}

// tail is the last of what the process said.
func (c *child) tail() string {
	text, err := os.ReadFile(c.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// cpu is the user and system time the process has used so far.
func (c *child) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold anything; what follows is fields 3 on.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, err1 := strconv.Atoi(fields[14-3])
	system, err2 := strconv.Atoi(fields[15-3])
	return time.Duration(user+system) * time.Second / userHZ, errors.Join(err1, err2)
}

// memory is a line of /proc/<pid>/status, in bytes.
func (c *child) memory(name string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(text), name+":")
	var kilobytes int64
	if _, err := fmt.Sscanf(after, "%d kB", &kilobytes); err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return kilobytes << 10, nil
}
