package devstack

import (
	"bufio"
	"fmt"
	"os"
	"syscall"
)

// sharedMemory is Linux's file system in memory.
const sharedMemory = "/dev/shm"

// plenty is how many bytes must be free, of memory and of the file system in it,
// before temporary clusters go there.
const plenty = 4 << 30

// temporaryParents lists where a temporary folder may be, best first. In memory
// a copy of a database takes 12 ms, on some disks 40 times as long: an ext4
// without a journal looks for a new file's place among all files removed in the
// last seconds. A TMPDIR of the user's own comes first.
func temporaryParents() []string {
	parents := []string{os.TempDir(), "/var/tmp"}
	if parents[0] == "/tmp" && roomy(sharedMemory) && availableMemory("/proc/meminfo") >= plenty {
		return append([]string{sharedMemory}, parents...)
	}
	return parents
}

func roomy(dir string) bool {
	var s syscall.Statfs_t
	return syscall.Statfs(dir, &s) == nil && s.Bavail*uint64(s.Bsize) >= plenty
}

// availableMemory gives bytes, 0 where the system does not tell.
func availableMemory(file string) (bytes uint64) {
	f, err := os.Open(file)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }() // it was only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kilobytes uint64
		if n, _ := fmt.Sscanf(lines.Text(), "MemAvailable: %d kB", &kilobytes); n == 1 {
			return kilobytes << 10
		}
	}
	return 0
}
