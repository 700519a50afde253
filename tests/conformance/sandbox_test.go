package conformance

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	sandbox "github.com/containerd/containerd/api/runtime/sandbox/v1"
	"github.com/containerd/containerd/api/types"
	tasktypes "github.com/containerd/containerd/api/types/task"
	"github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

func TestSandbox(t *testing.T) {
	t.Run("Lifecycle", testSandboxLifecycle)
	t.Run("StopIsIdempotent", testSandboxStopIsIdempotent)
	t.Run("WaitEndsWithStop", testSandboxWaitEndsWithStop)
	t.Run("CreateTwice", testSandboxCreateTwice)
	t.Run("StartWithoutCreate", testSandboxStartWithoutCreate)
	t.Run("Members", testSandboxMembers)
	t.Run("MembersAreIndependent", testSandboxMembersAreIndependent)
	t.Run("MemberAgain", testSandboxMemberAgain)
	t.Run("MembersShareAVolume", testSandboxMembersShareAVolume)
}

func (c *shim) callSandbox(method string, request, response proto.Message) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	return c.client.Call(ctx, "containerd.runtime.sandbox.v1.Sandbox", method, request, response)
}

func (c *shim) mustSandbox(method string, request, response proto.Message) {
	c.t.Helper()
	if err := c.callSandbox(method, request, response); err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
}

// startSandbox is a shim with a sandbox that is ready.
func startSandbox(t *testing.T) *shim {
	t.Helper()
	c := startShim(t, forever())
	c.createSandbox()
	var started sandbox.StartSandboxResponse
	c.mustSandbox("StartSandbox", &sandbox.StartSandboxRequest{SandboxID: c.id}, &started)
	if started.Pid == 0 || started.CreatedAt.AsTime().Year() < 2020 {
		t.Errorf("StartSandbox answered %v", &started)
	}
	return c
}

func (c *shim) createSandbox() {
	c.t.Helper()
	c.mustSandbox("CreateSandbox", &sandbox.CreateSandboxRequest{SandboxID: c.id, BundlePath: c.bundle},
		new(sandbox.CreateSandboxResponse))
}

func (c *shim) sandboxState() string {
	c.t.Helper()
	var answer sandbox.SandboxStatusResponse
	c.mustSandbox("SandboxStatus", &sandbox.SandboxStatusRequest{SandboxID: c.id}, &answer)
	return answer.State
}

func (c *shim) stopSandbox() {
	c.t.Helper()
	c.mustSandbox("StopSandbox", &sandbox.StopSandboxRequest{SandboxID: c.id}, new(sandbox.StopSandboxResponse))
}

func (c *shim) endSandbox() {
	c.t.Helper()
	c.stopSandbox()
	c.shutdownSandbox()
}

func (c *shim) shutdownSandbox() {
	c.t.Helper()
	c.mustSandbox("ShutdownSandbox", &sandbox.ShutdownSandboxRequest{SandboxID: c.id},
		new(sandbox.ShutdownSandboxResponse))
	c.client.Close()
	c.delete()
}

// member makes a container of the sandbox, with a bundle of its own.
func (c *shim) member(id string, s specification) *child {
	c.t.Helper()
	bundle := filepath.Join(c.bundle, id)
	s.write(c.t, bundle)
	return c.createIn(id, bundle, []*types.Mount{
		{Type: "bind", Source: rootfs, Options: []string{"rbind", "rw"}},
	})
}

func testSandboxLifecycle(t *testing.T) {
	c := startSandbox(t)
	if got := c.sandboxState(); got != "SANDBOX_READY" {
		t.Errorf("after StartSandbox the state is %q", got)
	}
	c.mustSandbox("PingSandbox", &sandbox.PingRequest{SandboxID: c.id}, new(sandbox.PingResponse))
	var platform sandbox.PlatformResponse
	c.mustSandbox("Platform", &sandbox.PlatformRequest{SandboxID: c.id}, &platform)
	if platform.Platform.GetOS() != "linux" || platform.Platform.GetArchitecture() != runtime.GOARCH {
		t.Errorf("Platform answered %v", &platform)
	}
	c.stopSandbox()
	if got := c.sandboxState(); got != "SANDBOX_NOTREADY" {
		t.Errorf("after StopSandbox the state is %q", got)
	}
	c.shutdownSandbox()
}

func testSandboxStopIsIdempotent(t *testing.T) {
	c := startSandbox(t)
	c.stopSandbox()
	c.endSandbox()
}

func testSandboxWaitEndsWithStop(t *testing.T) {
	c := startSandbox(t)
	waited := make(chan error, 1)
	go func() {
		request := &sandbox.WaitSandboxRequest{SandboxID: c.id}
		waited <- c.callSandbox("WaitSandbox", request, new(sandbox.WaitSandboxResponse))
	}()
	c.stopSandbox()
	if err := <-waited; err != nil {
		t.Error("WaitSandbox:", err)
	}
	c.shutdownSandbox()
}

func testSandboxCreateTwice(t *testing.T) {
	c := startSandbox(t)
	request := &sandbox.CreateSandboxRequest{SandboxID: uniqueName("other"), BundlePath: c.bundle}
	err := c.callSandbox("CreateSandbox", request, new(sandbox.CreateSandboxResponse))
	if status.Code(err) != codes.AlreadyExists {
		t.Errorf("CreateSandbox: %v", err)
	}
	c.endSandbox()
}

func testSandboxStartWithoutCreate(t *testing.T) {
	c := startShim(t, forever())
	request := &sandbox.StartSandboxRequest{SandboxID: c.id}
	if err := c.callSandbox("StartSandbox", request, new(sandbox.StartSandboxResponse)); err == nil {
		t.Error("StartSandbox started what nobody created")
	}
	c.createSandbox()
	c.endSandbox()
}

func testSandboxMembers(t *testing.T) {
	c := startSandbox(t)
	var members []*child
	for i := range 3 {
		p := c.member(uniqueName("m"), shell(fmt.Sprint("echo member ", i, "; exit ", i)))
		p.start()
		members = append(members, p)
	}
	for i, p := range members {
		p.mustExit(i)
		p.stdout.mustEndWith(fmt.Sprintln("member", i))
		p.delete()
	}
	if got := c.sandboxState(); got != "SANDBOX_READY" {
		t.Errorf("after the end of all members the state is %q", got)
	}
	c.endSandbox()
}

func testSandboxMembersAreIndependent(t *testing.T) {
	c := startSandbox(t)
	stays := c.member(uniqueName("m"), forever())
	stays.start()
	goes := c.member(uniqueName("m"), shell("echo short-lived"))
	goes.start()
	goes.mustExit(0)
	goes.delete()
	if got := stays.state().Status; got != tasktypes.Status_RUNNING {
		t.Errorf("the other's state is %v", got)
	}
	stays.kill(syscall.SIGKILL)
	stays.mustExit(137)
	stays.delete()
	c.endSandbox()
}

func testSandboxMemberAgain(t *testing.T) {
	c := startSandbox(t)
	for range 3 {
		p := c.member(uniqueName("m"), shell("echo again"))
		p.start()
		p.mustExit(0)
		p.stdout.mustEndWith("again\n")
		p.delete()
	}
	c.endSandbox()
}

func testSandboxMembersShareAVolume(t *testing.T) {
	c := startSandbox(t)
	volume := []specs.Mount{
		{Type: "bind", Source: t.TempDir(), Destination: "/data", Options: []string{"rbind", "rw"}},
	}
	writer, reader := shell("echo from the writer > /data/note"), shell("cat /data/note")
	writer.mounts, reader.mounts = volume, volume
	for _, s := range []specification{writer, reader} {
		p := c.member(uniqueName("m"), s)
		p.start()
		p.mustExit(0)
		if s.args[2] == reader.args[2] {
			p.stdout.mustEndWith("from the writer\n")
		}
		p.delete()
	}
	c.endSandbox()
}
