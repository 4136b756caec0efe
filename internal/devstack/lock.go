package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A start waits ownerWait for an owner that is just being killed, and lockWait
// for the server of an owner that is gone.
const (
	ownerWait = 300 * time.Millisecond
	lockWait  = stopLimit
)

// folderLock is the right to run one kind of server on one folder. The system
// gives back both locks when those who hold them end, however they end.
type folderLock struct {
	owner  *os.File // held by us alone; holds our process id
	server *os.File // held by the server too, which inherits it
}

// lockFolder refuses a folder whose owner lives. It waits for a server whose
// owner is gone, since that server is on its way out.
func lockFolder(ctx context.Context, dir, server string) (*folderLock, error) {
	l, err := openLocks(dir, server)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if err := l.take(ctx, dir, server); err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}

func openLocks(dir, server string) (*folderLock, error) {
	owner, err := os.OpenFile(filepath.Join(dir, server+".owner"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, server+".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, errors.Join(err, owner.Close())
	}
	return &folderLock{owner: owner, server: lock}, nil
}

func (l *folderLock) take(ctx context.Context, dir, server string) error {
	free, err := lockWithin(ctx, ownerWait, l.owner)
	if err != nil {
		return fmt.Errorf("lock %s: %w", dir, err)
	}
	if !free {
		pid, _ := os.ReadFile(l.owner.Name()) // empty in the instant before its owner writes it
		return fmt.Errorf("%s of the data folder %s is already running under process %s: "+
			"stop that one first, or set FLUENTPRO_DATA_DIR to another folder", server, dir, strings.TrimSpace(string(pid)))
	}
	if err := os.WriteFile(l.owner.Name(), fmt.Appendln(nil, os.Getpid()), 0o600); err != nil {
		return fmt.Errorf("lock %s: %w", dir, err)
	}
	free, err = lockWithin(ctx, lockWait, l.server)
	if err == nil && !free {
		err = fmt.Errorf("%s still runs after %s, although its owner is gone", server, lockWait)
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", dir, err)
	}
	return nil
}

// release may be called again.
func (l *folderLock) release() {
	_ = l.server.Close() // closing twice is all that can go wrong
	_ = l.owner.Close()
}

// lockWithin reports whether it got the lock. The system has no way to wait for
// one with a limit, so it asks again and again.
func lockWithin(ctx context.Context, limit time.Duration, file *os.File) (bool, error) {
	ended := time.After(limit)
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil || !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return err == nil, err
		}
		select {
		case <-ended:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// alive reports whether a process has this id, whoever's it is.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
