package conformance

import (
	"os"
	"path/filepath"
	"syscall"
)

// readAhead is this test program's name in the root file system: there it has the kernel read burstFile ahead,
// and exits without waiting for that.
const readAhead = "read-ahead"

const readAheadStatus = 3

func readAheadAndExit() {
	const willNeed = 3 // POSIX_FADV_WILLNEED
	fd, err := syscall.Open(burstFile, syscall.O_RDONLY, 0)
	if err != nil {
		os.Exit(1)
	}
	// The kernel takes this much at a time.
	const most = 128 << 10
	for at := uintptr(0); at < 8<<20; at += most {
		_, _, failure := syscall.Syscall6(syscall.SYS_FADVISE64, uintptr(fd), at, most, willNeed, 0, 0)
		if failure != 0 {
			os.Exit(2)
		}
	}
	os.Exit(readAheadStatus)
}

// installReadAhead puts this program into the root file system.
func installReadAhead(directory string) error {
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(directory, "bin", readAhead), program, 0o755)
}
