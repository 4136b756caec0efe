package devstack

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Systems hand out ports from 32768 on (Linux) or 49152 on (macOS) to outgoing
// connections, so a port below is not taken by chance between two runs.
const (
	firstPort = 20000
	lastPort  = 32767
)

// startAttempts bounds how often a server is started on another port because
// another program took the free one first.
const startAttempts = 5

// portOf gives the port that a server is to take: the one asked for, which must
// be free, or else the one remembered in the folder, or else any free one. dir
// may be "" for a server that remembers nothing.
func portOf(asked int, dir, server string) (int, error) {
	if asked != 0 {
		if !free(asked) {
			return 0, fmt.Errorf("%s: port %d of 127.0.0.1 is taken by another program: stop it, or choose another port", server, asked)
		}
		return asked, nil
	}
	if dir != "" {
		text, err := os.ReadFile(filepath.Join(dir, server+".port"))
		if known, parseErr := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && parseErr == nil && usable(known) && free(known) {
			return known, nil
		}
	}
	for range 100 {
		if port := firstPort + rand.IntN(lastPort-firstPort+1); free(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("%s: no free port of 127.0.0.1 between %d and %d", server, firstPort, lastPort)
}

// rememberPort keeps addresses the same from run to run. dir may be "".
func rememberPort(dir, server string, port int) error {
	if dir == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(dir, server+".port"), fmt.Appendln(nil, port), 0o644)
}

func usable(port int) bool { return port > 1023 && port <= lastPort }

// free asks both ways: macOS lets a program listen on 127.0.0.1 although another
// one has the same port on all addresses.
func free(port int) bool {
	address := address(port)
	if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		_ = c.Close() // nothing was sent
		return false
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
