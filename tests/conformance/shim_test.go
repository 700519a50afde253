package conformance

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	bootstrap "github.com/containerd/containerd/api/runtime/bootstrap/v1"
	task "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/ttrpc"
	"google.golang.org/protobuf/proto"
)

// shim is a shim in a bundle of its own, started and ended the way containerd does it.
type shim struct {
	t         testing.TB
	binary    string
	id        string
	namespace string
	bundle    string
	events    *recorder
	address   string
	client    *ttrpc.Client
	service   string
	log       *stream
}

// startShim makes a bundle for the specification and runs the shim's `start` in it. What is left of the
// shim when the test ends is an error of the test.
func startShim(t testing.TB, s specification) *shim {
	t.Helper()
	binary, err := exec.LookPath(shimName())
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	c := &shim{
		t:         t,
		binary:    binary,
		id:        uniqueName("c"),
		namespace: uniqueName("conformance"),
		events:    startRecorder(t, filepath.Join(directory, "containerd.sock")),
		service:   "containerd.task.v3.Task",
	}
	c.bundle = filepath.Join(directory, c.id)
	s.write(t, c.bundle)
	c.log = c.newStream("log")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the shim's log:\n%s", c.log.text())
		}
	})
	c.start()
	c.connect()
	return c
}

func (c *shim) command(arguments ...string) *exec.Cmd {
	all := append([]string{"-namespace", c.namespace, "-address", c.events.address, "-id", c.id}, arguments...)
	command := exec.Command(c.binary, all...)
	command.Dir = c.bundle
	command.Env = append(os.Environ(), "TTRPC_ADDRESS="+c.events.address, "MAX_SHIM_VERSION=2")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return command
}

// start takes stdout and stderr for one, as containerd does: a word too much on either breaks the answer.
func (c *shim) start() {
	c.t.Helper()
	command := c.command("start")
	if newStart() {
		command.Stdin = bytes.NewReader(c.parameters())
	}
	out, err := command.CombinedOutput()
	if err != nil {
		c.t.Fatalf("start: %v: %s", err, out)
	}
	answer, err := parseAnswer(out)
	if err != nil {
		c.t.Fatal(err)
	}
	if answer.Protocol != "ttrpc" {
		c.t.Fatalf("start answered protocol %q", answer.Protocol)
	}
	if answer.Version == 2 {
		c.service = "containerd.task.v2.Task"
	}
	c.address = strings.TrimPrefix(answer.Address, "unix://")
	c.t.Cleanup(c.mustBeGone)
}

// newStart says whether `start` is called as since containerd 2.3, or as before; SHIM_START=old is for shims
// that know nothing else.
func newStart() bool { return os.Getenv("SHIM_START") != "old" }

func (c *shim) parameters() []byte {
	c.t.Helper()
	encoded, err := proto.Marshal(&bootstrap.BootstrapParams{
		InstanceID:             c.id,
		Namespace:              c.namespace,
		ContainerdTtrpcAddress: c.events.address,
		ContainerdGrpcAddress:  c.events.address,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return encoded
}

func (c *shim) connect() {
	c.t.Helper()
	c.client = c.dial()
	c.t.Cleanup(func() { c.client.Close() })
}

// call is one of the Task service, of the version that the shim announced: the messages are the same.
func (c *shim) call(method string, request, response proto.Message) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	return c.client.Call(ctx, c.service, method, request, response)
}

// must is call where an error is the end of the test.
func (c *shim) must(method string, request, response proto.Message) {
	c.t.Helper()
	if err := c.call(method, request, response); err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
}

// delete runs the shim's `delete`, which containerd does after every Shutdown and after a shim's death.
func (c *shim) delete() *task.DeleteResponse {
	c.t.Helper()
	response, err := c.tryDelete()
	if err != nil {
		c.t.Fatal("delete: ", err)
	}
	return response
}

func (c *shim) tryDelete() (*task.DeleteResponse, error) {
	command := c.command("-bundle", c.bundle, "delete")
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, &said)
	}
	response := new(task.DeleteResponse)
	if err := proto.Unmarshal(out, response); err != nil {
		return nil, fmt.Errorf("it answered %q: %w", out, err)
	}
	return response, nil
}

// shutdown ends the shim as containerd does once its last container is deleted.
func (c *shim) shutdown() {
	c.t.Helper()
	c.call("Shutdown", &task.ShutdownRequest{ID: c.id}, new(empty))
	c.client.Close()
	c.delete()
}

// mustBeGone fails the test if a process, the socket or a mount of the shim is still there. It ends what is
// left, of a test that failed midway too.
func (c *shim) mustBeGone() {
	if c.t.Failed() || eventually(func() bool { return len(c.processes()) == 0 }) != nil {
		for _, pid := range c.processes() {
			c.t.Errorf("left behind: process %d: %s", pid, commandLine(pid))
			syscall.Kill(pid, syscall.SIGKILL)
		}
		c.tryDelete()
	}
	if _, err := os.Stat(c.address); err == nil {
		c.t.Errorf("left behind: socket %s", c.address)
	}
	for _, mount := range c.mounts() {
		c.t.Errorf("left behind: mount %s", mount)
		syscall.Unmount(mount, syscall.MNT_DETACH)
	}
}

// mounts are those below the bundle, the innermost first. None may be there when the bundle is removed: that
// would remove what is mounted.
func (c *shim) mounts() []string {
	c.t.Helper()
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		c.t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(table)) {
		if mount := strings.Fields(line)[1]; strings.HasPrefix(mount, c.bundle+"/") {
			found = slices.Insert(found, 0, mount)
		}
	}
	return found
}

// processes are those that have, from their `start`, the address of this test's containerd in their environment.
func (c *shim) processes() []int {
	var found []int
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		environment, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		if bytes.Contains(environment, []byte(c.events.address)) {
			found = append(found, pid)
		}
	}
	return found
}
