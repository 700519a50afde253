package conformance

import (
	"encoding/json"
	"os"
	"syscall"
	"testing"

	task "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/api/types"
	"github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/protobuf/types/known/anypb"
)

// child is a process of a shim's container: its first one, or an exec.
type child struct {
	shim   *shim
	id     string // the container's
	exec   string // empty: the first one
	stdin  string
	stdout *stream
	stderr *stream
}

// create makes the container of the shim's own bundle, from a bind mount of the root file system.
func (c *shim) create() *child {
	c.t.Helper()
	return c.createFrom(&types.Mount{Type: "bind", Source: rootfs, Options: []string{"rbind", "rw"}})
}

func (c *shim) createFrom(mounts ...*types.Mount) *child {
	c.t.Helper()
	return c.createIn(c.id, c.bundle, mounts)
}

// createIn makes a container with readers on its output.
func (c *shim) createIn(id, bundle string, mounts []*types.Mount) *child {
	c.t.Helper()
	p := &child{shim: c, id: id, stdout: c.newStream(id + "-stdout"), stderr: c.newStream(id + "-stderr")}
	var response task.CreateTaskResponse
	c.must("Create", &task.CreateTaskRequest{
		ID: id, Bundle: bundle, Rootfs: mounts, Stdout: p.stdout.path, Stderr: p.stderr.path,
	}, &response)
	if response.Pid == 0 {
		c.t.Error("Create answered pid 0")
	}
	return p
}

// run is create and start.
func (c *shim) run() *child {
	c.t.Helper()
	p := c.create()
	p.start()
	return p
}

// execWith registers a process of the shim's own container.
func (c *shim) execWith(withStdin bool, spec *specs.Process) *child {
	c.t.Helper()
	return c.execIn(c.id, withStdin, spec)
}

// execIn registers a process; withStdin: it gets a stdin of which the caller opens the writing end.
func (c *shim) execIn(container string, withStdin bool, spec *specs.Process) *child {
	c.t.Helper()
	id := uniqueName("e")
	p := &child{shim: c, id: container, exec: id, stdout: c.newStream(id + "-stdout"), stderr: c.newStream(id + "-stderr")}
	if withStdin {
		p.stdin = c.newFIFO(id + "-stdin")
	}
	c.must("Exec", &task.ExecProcessRequest{
		ID: container, ExecID: id, Stdin: p.stdin, Stdout: p.stdout.path, Stderr: p.stderr.path,
		Spec: processAny(c.t, spec),
	}, new(empty))
	return p
}

func processAny(t testing.TB, spec *specs.Process) *anypb.Any {
	t.Helper()
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	return &anypb.Any{TypeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Process", Value: text}
}

// execArgs starts a process without a stdin.
func (c *shim) execArgs(args ...string) *child {
	c.t.Helper()
	p := c.execWith(false, process(args...))
	p.start()
	return p
}

func (p *child) start() {
	p.shim.t.Helper()
	var response task.StartResponse
	p.shim.must("Start", &task.StartRequest{ID: p.id, ExecID: p.exec}, &response)
	if response.Pid == 0 {
		p.shim.t.Error("Start answered pid 0")
	}
}

func (p *child) state() *task.StateResponse {
	p.shim.t.Helper()
	response := new(task.StateResponse)
	p.shim.must("State", &task.StateRequest{ID: p.id, ExecID: p.exec}, response)
	return response
}

func (p *child) wait() int {
	p.shim.t.Helper()
	var response task.WaitResponse
	p.shim.must("Wait", &task.WaitRequest{ID: p.id, ExecID: p.exec}, &response)
	return int(response.ExitStatus)
}

func (p *child) mustExit(status int) {
	p.shim.t.Helper()
	if got := p.wait(); got != status {
		p.shim.t.Fatalf("exit status %d instead of %d; stderr: %q", got, status, cut(p.stderr.text()))
	}
}

func (p *child) kill(signal syscall.Signal) {
	p.shim.t.Helper()
	request := &task.KillRequest{ID: p.id, ExecID: p.exec, Signal: uint32(signal), All: p.exec == ""}
	p.shim.must("Kill", request, new(empty))
}

func (p *child) delete() *task.DeleteResponse {
	p.shim.t.Helper()
	response := new(task.DeleteResponse)
	p.shim.must("Delete", &task.DeleteRequest{ID: p.id, ExecID: p.exec}, response)
	return response
}

// end is what a client does that wants a container gone, whatever it is doing.
func (p *child) end() {
	p.shim.t.Helper()
	p.kill(syscall.SIGKILL)
	p.wait()
	p.delete()
	p.shim.shutdown()
}

// attach opens the writing end of the process's stdin, as a client that comes does.
func (p *child) attach() *os.File {
	p.shim.t.Helper()
	file, err := os.OpenFile(p.stdin, os.O_WRONLY, 0)
	if err != nil {
		p.shim.t.Fatal(err)
	}
	return file
}

func (p *child) closeStdin() {
	p.shim.t.Helper()
	p.shim.must("CloseIO", &task.CloseIORequest{ID: p.id, ExecID: p.exec, Stdin: true}, new(empty))
}
