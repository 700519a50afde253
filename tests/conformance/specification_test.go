package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// specification is what a test wants of its config.json.
type specification struct {
	args         []string
	mounts       []specs.Mount
	memory       int64  // bytes; 0: no limit
	namespacesOf uint32 // pid of the process whose pid and IPC namespaces are shared; 0: own ones
}

func (s specification) write(t testing.TB, bundle string) {
	t.Helper()
	full := specs.Spec{
		Version: specs.Version,
		Root:    &specs.Root{Path: "rootfs"},
		Process: process(s.args...),
		Mounts: append([]specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs"},
		}, s.mounts...),
		Linux: &specs.Linux{
			Resources: &specs.LinuxResources{},
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.MountNamespace}, {Type: specs.PIDNamespace}, {Type: specs.IPCNamespace},
			},
		},
	}
	if s.namespacesOf != 0 {
		full.Linux.Namespaces[1].Path = fmt.Sprintf("/proc/%d/ns/pid", s.namespacesOf)
		full.Linux.Namespaces[2].Path = fmt.Sprintf("/proc/%d/ns/ipc", s.namespacesOf)
	}
	if s.memory != 0 {
		full.Linux.CgroupsPath = "/" + uniqueName("conformance")
		full.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &s.memory, Swap: &s.memory}
	}
	text, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(bundle, "rootfs"), 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), text, 0o644); err != nil {
		t.Fatal(err)
	}
}

func process(args ...string) *specs.Process {
	return &specs.Process{Args: args, Cwd: "/", Env: []string{"PATH=/bin"}}
}

// shell is a container or process that runs a script.
func shell(script string) specification { return specification{args: []string{"sh", "-c", script}} }

// forever is a container that is there to be exec'd into.
func forever() specification { return specification{args: []string{"sleep", "100000"}} }

// burstFile is in every container: 8 MiB that show where something is missing.
const burstFile = "/data/burst"

var burstText = sync.OnceValue(func() string {
	var whole strings.Builder
	for i := 1; whole.Len() < 8<<20; i++ {
		fmt.Fprintln(&whole, i)
	}
	return whole.String()[:8<<20]
})

// makeRootfs fills a directory with a busybox, its names, and burstFile.
func makeRootfs(directory string) error {
	for _, name := range []string{"bin", "dev", "proc", "tmp", "data"} {
		if err := os.MkdirAll(filepath.Join(directory, name), 0o755); err != nil {
			return err
		}
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(directory, "bin", "busybox"), program, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(directory, burstFile), []byte(burstText()), 0o644); err != nil {
		return err
	}
	names, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(string(names)) {
		if name == "busybox" {
			continue
		}
		if err := os.Symlink("busybox", filepath.Join(directory, "bin", name)); err != nil {
			return err
		}
	}
	return nil
}
