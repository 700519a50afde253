package conformance

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/containerd/containerd/api/events"
	task "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/api/types"
	tasktypes "github.com/containerd/containerd/api/types/task"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

func TestRun(t *testing.T) {
	t.Run("Lifecycle", testLifecycle)
	t.Run("ExitCodes", testExitCodes)
	t.Run("OutputThenExit", testOutputThenExit)
	t.Run("BurstThenExit", testBurstThenExit)
	t.Run("ShutdownWhileRunning", testShutdownWhileRunning)
	t.Run("Events", testEvents)
	t.Run("DeleteAfterDeath", testDeleteAfterDeath)
	t.Run("BothServiceNames", testBothServiceNames)
}

func testLifecycle(t *testing.T) {
	c := startShim(t, shell("echo hello; exec sleep 100000"))
	init := c.create()
	if got := init.state().Status; got != tasktypes.Status_CREATED {
		t.Errorf("after Create the status is %v", got)
	}
	init.start()
	state := init.state()
	if state.Status != tasktypes.Status_RUNNING || state.Pid == 0 {
		t.Errorf("after Start the state is %v", state)
	}
	init.stdout.mustSay("hello\n")

	init.kill(syscall.SIGKILL)
	init.mustExit(137)
	if got := init.state(); got.Status != tasktypes.Status_STOPPED || got.ExitStatus != 137 {
		t.Errorf("after the exit the state is %v", got)
	}
	init.stdout.mustEndWith("hello\n")
	if got := init.delete(); got.ExitStatus != 137 || got.ExitedAt.AsTime().Year() < 2020 {
		t.Errorf("Delete answered %v", got)
	}
	err := c.call("State", &task.StateRequest{ID: c.id}, new(task.StateResponse))
	if status.Code(err) != codes.NotFound {
		t.Errorf("State of a deleted container: %v", err)
	}
	c.shutdown()
}

func testExitCodes(t *testing.T) {
	for _, code := range []int{0, 1, 2, 42, 127, 255} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			c := startShim(t, shell(fmt.Sprint("exit ", code)))
			init := c.run()
			init.mustExit(code)
			if got := init.delete().ExitStatus; int(got) != code {
				t.Errorf("Delete says %d", got)
			}
			c.shutdown()
		})
	}
}

func testOutputThenExit(t *testing.T) {
	c := startShim(t, shell("i=0; while [ $i -lt 50 ]; do i=$((i+1)); echo tick $i; done; exit 7"))
	init := c.run()
	init.mustExit(7)
	var whole strings.Builder
	for i := range 50 {
		fmt.Fprintf(&whole, "tick %d\n", i+1)
	}
	init.stdout.mustEndWith(whole.String())
	init.delete()
	c.shutdown()
}

func testBurstThenExit(t *testing.T) {
	c := startShim(t, specification{args: []string{"cat", burstFile}})
	init := c.run()
	init.mustExit(0)
	init.stdout.mustEndWith(burstText())
	init.delete()
	c.shutdown()
}

// Shutdown of a shim that has a container does nothing, and above all cuts nothing off.
func testShutdownWhileRunning(t *testing.T) {
	c := startShim(t, specification{args: []string{"cat", burstFile}})
	init := c.run()
	c.must("Shutdown", &task.ShutdownRequest{ID: c.id}, new(empty))
	init.stdout.mustEndWith(burstText())
	init.mustExit(0)
	init.delete()
	c.shutdown()
}

func testEvents(t *testing.T) {
	c := startShim(t, shell("exit 3"))
	init := c.run()
	init.mustExit(3)
	init.delete()
	c.shutdown()

	want := []string{"/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"}
	if eventually(func() bool { return slices.Equal(c.events.topics(), want) }) != nil {
		t.Fatalf("the events are %v", c.events.topics())
	}
	for _, envelope := range c.events.all() {
		if envelope.Namespace != c.namespace || envelope.Timestamp.AsTime().Year() < 2020 {
			t.Errorf("envelope %v", envelope)
		}
	}
	var exit events.TaskExit
	mustDecode(t, c.events.all()[2], "containerd.events.TaskExit", &exit)
	if exit.ContainerID != c.id || exit.ID != c.id || exit.ExitStatus != 3 || exit.Pid == 0 {
		t.Errorf("exit event %v", &exit)
	}
}

func mustDecode(t *testing.T, envelope *types.Envelope, typeURL string, into proto.Message) {
	t.Helper()
	if envelope.Event.TypeUrl != typeURL {
		t.Fatalf("the event's type is %q", envelope.Event.TypeUrl)
	}
	if err := proto.Unmarshal(envelope.Event.Value, into); err != nil {
		t.Fatal(err)
	}
}

// A shim that is killed: `delete` is all that containerd has then.
func testDeleteAfterDeath(t *testing.T) {
	c := startShim(t, forever())
	c.run()
	for _, pid := range c.processes() {
		if strings.Contains(commandLine(pid), "containerd-shim-") {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	if got := c.delete().ExitStatus; got != 137 {
		t.Errorf("delete says %d", got)
	}
	c.delete()
}

// containerd 1.6 asks for one, 2.x for the other.
func testBothServiceNames(t *testing.T) {
	c := startShim(t, forever())
	init := c.run()
	for _, name := range []string{"containerd.task.v2.Task", "containerd.task.v3.Task"} {
		c.service = name
		var connected task.ConnectResponse
		c.must("Connect", &task.ConnectRequest{ID: c.id}, &connected)
		if connected.ShimPid == 0 || connected.TaskPid != init.state().Pid {
			t.Errorf("%s: Connect answered %v", name, &connected)
		}
	}
	init.end()
}
