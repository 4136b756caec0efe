package devstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lockWait is how long a start waits for a server to end whose owner is gone.
const lockWait = stopLimit

// lockFolder takes the lock that one server's data needs. The server inherits
// it, so it is free only when the server has ended, even where its owner died
// first. A lock whose owner lives is refused at once; one whose owner is gone is
// waited for, since its server is on its way out.
func lockFolder(ctx context.Context, dir, server string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, server+".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if err := waitForLock(ctx, file, dir, server); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if err := writeOwner(file, os.Getpid()); err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, errors.Join(err, file.Close()))
	}
	return file, nil
}

func waitForLock(ctx context.Context, file *os.File, dir, server string) error {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("lock %s: %w", dir, err)
		}
		owner := readOwner(file)
		if owner > 0 && alive(owner) {
			return fmt.Errorf("%s of the data folder %s is already running under process %d: "+
				"stop that one first, or set FLUENTPRO_DATA_DIR to another folder", server, dir, owner)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s of the data folder %s still runs, although its owner (process %d) is gone: %w",
				server, dir, owner, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// unlock forgets the owner first, so that whoever finds the lock still held by
// the last process of a server waits instead of blaming us.
func unlock(file *os.File) {
	_ = writeOwner(file, 0) // only makes the message of another start less exact
	_ = file.Close()
}

func writeOwner(file *os.File, pid int) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt(fmt.Appendln(nil, pid), 0)
	return err
}

func readOwner(file *os.File) int {
	text, err := io.ReadAll(io.NewSectionReader(file, 0, 32))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text))) // 0 stands for unknown
	return pid
}

// alive reports whether a process has this id, whoever's it is.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
