package devstack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// Kinds of Redis.
const (
	RedisServer    = "redis-server"
	RedisInProcess = "in-process"
)

// tick is how exactly keys of the in-process Redis expire. Each tick looks at
// every key that does, so a finer one costs more.
const tick = 50 * time.Millisecond

// RedisConfig says how a Redis runs.
type RedisConfig struct {
	// DataDir keeps the data in DataDir/redis (an append-only file, written down
	// every second), beside the port and a lock. "" means that nothing is kept.
	DataDir string
	// Port on 127.0.0.1. 0 means the port of the last time while it is free, else
	// any free one below 32768.
	Port int
	// ForceInProcess takes the in-process Redis even where redis-server is
	// installed.
	ForceInProcess bool
	// Logger takes the server's own log at debug level. nil means silence.
	Logger *slog.Logger

	cluster bool // it is to be a node of a cluster
}

// Redis is a running Redis of ours.
type Redis struct {
	port    int
	process *process // nil when in-process
	lock    *folderLock
	remove  string

	mini  *miniredis.Miniredis
	end   chan struct{} // closed to end the ticker
	ended sync.WaitGroup
	once  sync.Once
}

// StartRedis starts redis-server 6.2 or newer where the PATH has it, else an
// in-process Redis that keeps nothing whatever DataDir is. It returns when Redis
// answers. ctx bounds the start only. It fails, naming the process or the port,
// when the folder is in use or the port asked for is taken.
func StartRedis(ctx context.Context, cfg RedisConfig) (*Redis, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	program := ""
	if !cfg.ForceInProcess {
		program = redisProgram(ctx, "redis-server", cfg.Logger)
	}
	if program == "" {
		return startInProcess(cfg)
	}
	return startServer(ctx, cfg, program)
}

// redisProgram gives the redis-server to run, or "" when there is none that
// knows the commands FluentPro uses.
func redisProgram(ctx context.Context, name string, logger *slog.Logger) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	out, err := output(ctx, path, "--version")
	version := regexp.MustCompile(`v=(\d+)\.(\d+)`).FindStringSubmatch(out)
	if err != nil || version == nil {
		logger.Warn("redis-server does not tell its version; Redis runs in-process", "program", path, "error", err)
		return ""
	}
	major, _ := strconv.Atoi(version[1]) // digits by the pattern
	minor, _ := strconv.Atoi(version[2])
	if major < 6 || major == 6 && minor < 2 {
		logger.Warn("redis-server is older than 6.2; Redis runs in-process", "program", path, "version", version[0])
		return ""
	}
	return path
}

func startInProcess(cfg RedisConfig) (*Redis, error) {
	if cfg.DataDir != "" {
		cfg.Logger.Info("Redis runs in-process and keeps nothing; install redis-server to keep its data")
		if err := os.MkdirAll(cfg.DataDir, 0o755); err != nil {
			return nil, err
		}
	}
	for attempt := 1; ; attempt++ {
		port, err := portOf(cfg.Port, cfg.DataDir, "redis")
		if err != nil {
			return nil, err
		}
		mini := miniredis.NewMiniRedis()
		err = mini.StartAddr(address(port))
		if err == nil {
			r := &Redis{port: port, mini: mini, end: make(chan struct{})}
			r.ended.Go(r.advance)
			return r, rememberPort(cfg.DataDir, "redis", port)
		}
		if cfg.Port != 0 || attempt == startAttempts {
			return nil, fmt.Errorf("start the in-process Redis on port %d: %w", port, err)
		}
	}
}

// advance lets time pass for keys that expire: miniredis stands still by itself.
func (r *Redis) advance() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for last := time.Now(); ; {
		select {
		case <-r.end:
			return
		case <-ticker.C:
			now := time.Now()
			r.mini.FastForward(now.Sub(last))
			last = now
		}
	}
}

func startServer(ctx context.Context, cfg RedisConfig, program string) (*Redis, error) {
	dir, remove, err := dataFolder(ctx, cfg.DataDir, nil)
	if err != nil {
		return nil, err
	}
	r, err := startServerIn(ctx, cfg, program, dir, remove)
	if err != nil && remove != "" {
		return nil, errors.Join(err, os.RemoveAll(remove))
	}
	return r, err
}

func startServerIn(ctx context.Context, cfg RedisConfig, program, dir, remove string) (*Redis, error) {
	lock, err := lockFolder(ctx, dir, "redis")
	if err != nil {
		return nil, err
	}
	r := &Redis{lock: lock, remove: remove}
	if err := r.launch(ctx, cfg, program, dir); err != nil {
		lock.release()
		return nil, err
	}
	return r, nil
}

// launch starts the server, on another port when the one it chose was taken in
// the meantime.
func (r *Redis) launch(ctx context.Context, cfg RedisConfig, program, dir string) error {
	data := filepath.Join(dir, "redis")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		port, err := portOf(cfg.Port, dir, "redis")
		if err != nil {
			return err
		}
		err = r.launchOn(ctx, cfg, program, data, port)
		if err == nil {
			return rememberPort(dir, "redis", port)
		}
		if cfg.Port != 0 || attempt == startAttempts || !strings.Contains(err.Error(), "Address already in use") {
			return err
		}
	}
}

func (r *Redis) launchOn(ctx context.Context, cfg RedisConfig, program, data string, port int) error {
	kept := "no"
	if cfg.DataDir != "" {
		kept = "yes"
	}
	argv := []string{
		program, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--daemonize", "no",
		"--dir", data, "--save", "", "--appendonly", kept, "--appendfsync", "everysec",
	}
	if cfg.cluster {
		argv = append(argv, "--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1")
	}
	process, err := supervise(command{
		name: "redis-server", argv: argv,
		stop: "TERM", force: "KILL", remove: r.remove,
		lock: r.lock.server, log: newTail("redis", cfg.Logger), logger: cfg.Logger,
	})
	if err != nil {
		return err
	}
	r.process, r.port = process, port
	if err := r.ready(ctx); err != nil {
		return errors.Join(err, process.stop(ctx))
	}
	process.serving.Store(true)
	return nil
}

// ready waits until the server answers and has loaded its data.
func (r *Redis) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyLimit, fmt.Errorf("redis-server did not answer within %s", readyLimit))
	defer cancel()
	for {
		if pong(ctx, address(r.port)) {
			return nil
		}
		select {
		case <-r.process.done:
			return fmt.Errorf("redis-server ended at once (%w); the last of its log:\n%s", r.process.err, r.process.log)
		case <-ctx.Done():
			return fmt.Errorf("start redis-server: %w; the last of its log:\n%s", context.Cause(ctx), r.process.log)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// pong speaks Redis's inline form, and gives false while Redis still loads.
func pong(ctx context.Context, address string) bool {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }() // the answer is all that counts
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && strings.HasPrefix(answer, "+PONG")
}

// URL gives the address, of database 0.
func (r *Redis) URL() string { return "redis://" + address(r.port) + "/0" }

// Kind is RedisServer or RedisInProcess. The in-process one lacks CONFIG,
// keyspace events, sharded publish and subscribe, and memory figures.
func (r *Redis) Kind() string {
	if r.process == nil {
		return RedisInProcess
	}
	return RedisServer
}

// Stop ends Redis, its data written down, and returns when it is gone; at once
// when ctx ends first. It may be called more than once. An error means that
// processes are left.
func (r *Redis) Stop(ctx context.Context) error {
	if r.process == nil {
		r.once.Do(func() {
			close(r.end)
			r.ended.Wait()
			r.mini.Close()
		})
		return nil
	}
	if err := r.process.stop(ctx); err != nil {
		return err
	}
	r.lock.release()
	if r.remove != "" {
		return os.RemoveAll(r.remove)
	}
	return nil
}
