package devstack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

// Asked to end, a server has forceAfter until it is made to, and killAfter from
// then until it is killed. stopLimit is when a stop that waits for all that
// calls it a defect.
const (
	forceAfter = 10 * time.Second
	killAfter  = 5 * time.Second
	stopLimit  = forceAfter + killAfter + 5*time.Second
)

// What the shell reads from its pipe, one to a line.
const (
	orderStop  = "stop"
	orderForce = "force"
	orderKill  = "kill"
)

// supervisorScript runs a server and outlives us by as long as the server needs
// to end. Its standard input is a pipe that only we can write to: orders come
// through it, and when we end, in whatever way, it closes.
//
//	$1 the signal that asks the server to end     $2 the one that makes it
//	$3 seconds from the one to the other          $4 seconds from there to KILL
//	$5 a folder to remove when the server was asked to end (empty: none)
//
// The rest is the server's command line. A watcher reads the pipe, since sh
// cannot wait for a pipe and a child at once. It tells the shell (USR1) before
// it tells the server, so that the shell knows why the server ends. The watcher
// gives back the lock (descriptor 3), which is thus free when the server and the
// shell are gone. Asking is done again and again, since a program loses what it
// is sent before it is ready for signals; for the same reason the watcher itself
// ends by KILL, and its sleep, all that is then left in the process group, by
// TERM.
const supervisorScript = `
stop=$1 force=$2 patience=$3 mercy=$4 folder=$5
shift 5
LC_ALL=C
export LC_ALL
stopping=
trap 'stopping=1' USR1
trap 'stopping=1; [ -z "$child" ] || kill -s "$stop" "$child"' TERM HUP
child=
exec 9<&0
"$@" </dev/null 9<&- &
child=$!
exec </dev/null >/dev/null 2>&1
[ -z "$stopping" ] || kill -s "$force" "$child"
(
	trap - TERM HUP USR1
	while read -r order <&9; do
		kill -s USR1 $$
		case $order in
		stop) kill -s "$stop" "$child" ;;
		force) kill -s "$force" "$child" ;;
		kill) kill -s KILL "$child" ;;
		esac
	done
	kill -s USR1 $$
	while [ "$patience" -gt 0 ]; do
		kill -s "$stop" "$child"
		sleep 1
		patience=$((patience - 1))
	done
	kill -s "$force" "$child"
	sleep "$mercy"
	kill -s KILL "$child"
) 3<&- &
watcher=$!
exec 9<&-
while :; do
	wait "$child"
	status=$?
	[ "$status" -gt 128 ] && kill -0 "$child" || break
done
[ -z "$stopping" ] || [ -z "$folder" ] || rm -rf -- "$folder"
trap '' TERM
kill -s KILL "$watcher"
kill -s TERM 0
wait "$watcher"
exit "$status"
`

// command is one program to run under the supervising shell.
type command struct {
	name  string   // for errors and logs
	argv  []string // the program by its path, and its arguments
	stop  string   // name of the signal that asks it to end
	force string   // name of the signal that makes it end at once
	// How long it has after each of the two; 0 means forceAfter and killAfter.
	patience, mercy time.Duration
	remove          string    // folder removed when it is asked to end; "" none
	as              *identity // the user to run as; nil: ours
	lock            *os.File  // stays locked as long as the program runs
	log             *tail     // takes its output
	logger          *slog.Logger
}

// process is a program that runs under the supervising shell.
type process struct {
	command
	shell   *exec.Cmd
	pipe    io.WriteCloser
	serving atomic.Bool   // set by the owner while an end would be a surprise
	done    chan struct{} // closed when the program and its shell have ended
	err     error         // how they ended; read only after done
}

// supervise starts a program. Its owner must call stop, or read done.
func supervise(c command) (*process, error) {
	c.patience, c.mercy = cmp.Or(c.patience, forceAfter), cmp.Or(c.mercy, killAfter)
	arguments := []string{"-c", supervisorScript, "devstack-" + c.name, c.stop, c.force,
		seconds(c.patience), seconds(c.mercy), c.remove}
	shell := exec.Command("/bin/sh", append(arguments, c.argv...)...)
	shell.Dir = "/" // ours may be closed to the user it runs as
	shell.Stdout, shell.Stderr = c.log, c.log
	shell.ExtraFiles = []*os.File{c.lock}
	// A terminal's Ctrl-C goes to the whole foreground group; only we decide
	// the order in which things end.
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.as.credential()}
	shell.WaitDelay = 5 * time.Second
	pipe, err := shell.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	if err := shell.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	p := &process{command: c, shell: shell, pipe: pipe, done: make(chan struct{})}
	go p.wait()
	return p, nil
}

// wait also keeps p, and with it our end of the pipe, from being collected.
func (p *process) wait() {
	p.err = p.shell.Wait()
	if p.serving.Load() {
		p.logger.Error(p.name+" ended by itself", "error", p.err, "log", p.log.String())
	}
	close(p.done)
}

// stop asks the program to end, makes it end when it takes too long or ctx ends
// first, and waits until it is gone. It may be called again, and from anywhere.
func (p *process) stop(ctx context.Context) error {
	p.serving.Store(false)
	if p.insist(ctx, p.patience, orderStop) {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // it must not be left half stopped
	if p.insist(ctx, p.mercy, orderForce) || p.insist(ctx, p.mercy, orderKill) {
		return nil
	}
	return fmt.Errorf("stop %s: process group %d does not end", p.name, p.shell.Process.Pid)
}

// insist gives one order again and again until the program has ended, or the
// time has that it is given for it.
func (p *process) insist(ctx context.Context, limit time.Duration, order string) (ended bool) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		_, _ = io.WriteString(p.pipe, order+"\n") // where that fails, the shell has ended
		select {
		case <-p.done:
			return true
		case <-ctx.Done():
			return false
		case <-again.C:
		}
	}
}

// run runs a program to its end, or stops it when ctx ends.
func run(ctx context.Context, c command) error {
	p, err := supervise(c)
	if err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("%s: %w", c.name, context.Cause(ctx)), p.stop(ctx))
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w\n%s", c.name, p.err, c.log)
	}
	return nil
}

func seconds(d time.Duration) string { return fmt.Sprint(int(d.Seconds())) }
