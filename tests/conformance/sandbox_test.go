package conformance

import (
	"context"
	"runtime"
	"testing"

	sandbox "github.com/containerd/containerd/api/runtime/sandbox/v1"
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
	t.Run("MemberExec", testSandboxMemberExec)
	t.Run("MembersShareAVolume", testSandboxMembersShareAVolume)
	t.Run("MembersShareNamespaces", testSandboxMembersShareNamespaces)
	t.Run("MembersShareASocket", testSandboxMembersShareASocket)
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
