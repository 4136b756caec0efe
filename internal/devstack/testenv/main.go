// Testenv runs a command with one PostgreSQL and one Redis that all its tests
// share:
//
//	go run ./internal/devstack/testenv -- go test ./...
//
// FLUENTPRO_TEST_REDIS=in-process starts the in-process Redis although
// redis-server is installed, FLUENTPRO_TEST_REDIS=cluster a Redis Cluster of three
// nodes. The command finds both in FLUENTPRO_TEST_DATABASE_URL and
// FLUENTPRO_TEST_REDIS_URL. Signals go on to the command and all it started;
// when it ends, testenv ends with its exit code (128 and the signal's number
// when a signal ended it) and leaves no process and no folder. It reads no
// terminal: the command's standard input is empty then.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/fluentpro/fluentpro/internal/devstack"
)

const usage = "usage: testenv -- command [arguments]"

func main() { os.Exit(run()) }

func run() int {
	arguments := os.Args[1:]
	if len(arguments) > 0 && arguments[0] == "--" {
		arguments = arguments[1:]
	}
	if len(arguments) == 0 {
		fmt.Fprintln(os.Stderr, usage)
		return 2
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	code, err := inEnvironment(arguments, signals)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testenv:", err)
		code = max(code, 1)
	}
	return code
}

// inEnvironment starts both servers, runs the command, and stops them.
func inEnvironment(arguments []string, signals <-chan os.Signal) (code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	cache, err := devstack.TestCache()
	if err != nil {
		return 1, err
	}
	postgres, err := devstack.StartPostgres(ctx, devstack.PostgresConfig{
		CacheDir: cache, Fast: true, MaxConnections: devstack.TestConnections,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, postgres.Stop(context.Background())) }()
	redis, err := devstack.StartRedisForTests(ctx)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, redis.Stop(context.Background())) }()
	fmt.Fprintf(os.Stderr, "testenv: Redis is %s\n", redis.Kind())
	return execute(arguments, signals, []string{
		devstack.TestDatabaseVariable + "=" + postgres.URL("fluentpro"),
		devstack.TestRedisVariable + "=" + redis.URL(),
	})
}

// execute runs the command in a process group of its own, so that a signal
// reaches all of it exactly once, be it from a terminal or for us alone.
func execute(arguments []string, signals <-chan os.Signal, variables []string) (int, error) {
	command := exec.Command(arguments[0], arguments[1:]...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if info, err := os.Stdin.Stat(); err == nil && info.Mode()&os.ModeCharDevice == 0 {
		command.Stdin = os.Stdin
	}
	command.Env = append(os.Environ(), variables...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return 1, err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	for {
		select {
		case s := <-signals:
			if number, ok := s.(syscall.Signal); ok {
				_ = syscall.Kill(-command.Process.Pid, number) // it may have ended just now
			}
		case err := <-ended:
			return exitCode(command.ProcessState, err)
		}
	}
}

func exitCode(state *os.ProcessState, err error) (int, error) {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		return state.ExitCode(), nil
	}
	return state.ExitCode(), err
}
