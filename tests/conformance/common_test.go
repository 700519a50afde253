// Package conformance drives a shim without containerd, with containerd's own client libraries: its messages,
// its ttrpc, its forms of `start` and `delete`. See README.md.
package conformance

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

type empty = emptypb.Empty

// callTimeout is for what must not hang; a guest under emulation on a busy machine is slow.
const callTimeout = 2 * time.Minute

// rootfs is the root file system of all containers.
var rootfs string

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == peerName {
		if err := peer(os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(func() int {
		directory, err := os.MkdirTemp("", "conformance-")
		if err == nil {
			defer os.RemoveAll(directory)
			err = makeRootfs(directory)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "the root file system:", err)
			return 1
		}
		rootfs = directory
		return m.Run()
	}())
}

// shimName is the shim under test: a path, or a name on the path.
func shimName() string {
	if name := os.Getenv("SHIM"); name != "" {
		return name
	}
	return "containerd-shim-hvsock-v2"
}

func uniqueName(prefix string) string {
	return prefix + "-" + strings.ToLower(rand.Text()[:10])
}

func (c *shim) dial() *ttrpc.Client {
	c.t.Helper()
	connection, err := net.Dial("unix", c.address)
	if err != nil {
		c.t.Fatal(err)
	}
	return ttrpc.NewClient(connection)
}

// eventually asks until it is so.
func eventually(so func() bool) error {
	for limit := time.Now().Add(30 * time.Second); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		if so() {
			return nil
		}
	}
	return errors.New("not in time")
}

func commandLine(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.ReplaceAll(string(text), "\x00", " ")
}
