package conformance

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/containerd/containerd/api/types"
	tasktypes "github.com/containerd/containerd/api/types/task"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// member makes a container of the sandbox, with a bundle of its own.
func (c *shim) member(id string, s specification) *child {
	c.t.Helper()
	bundle := filepath.Join(c.bundle, id)
	s.write(c.t, bundle)
	return c.createIn(id, bundle, []*types.Mount{
		{Type: "bind", Source: rootfs, Options: []string{"rbind", "rw"}},
	})
}

// destroy kills a member that runs until then.
func (p *child) destroy() {
	p.shim.t.Helper()
	p.kill(syscall.SIGKILL)
	p.mustExit(137)
	p.delete()
}

// dataVolume is a directory of the host at /data.
func dataVolume(directory string) specs.Mount {
	return specs.Mount{Type: "bind", Source: directory, Destination: "/data", Options: []string{"rbind", "rw"}}
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
	stays.destroy()
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
	volume := []specs.Mount{dataVolume(t.TempDir())}
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

func testSandboxMemberExec(t *testing.T) {
	c := startSandbox(t)
	var members []*child
	for _, seconds := range []string{"100001", "100002"} {
		p := c.member(uniqueName("m"), specification{args: []string{"sleep", seconds}})
		p.start()
		members = append(members, p)
	}
	for i, member := range members {
		p := c.execIn(member.id, false, process("sh", "-c", "tr '\\0' ' ' < /proc/1/cmdline"))
		p.start()
		p.mustExit(0)
		p.stdout.mustEndWith(fmt.Sprint("sleep 10000", i+1, " "))
		p.delete()
	}
	for _, member := range members {
		member.destroy()
	}
	c.endSandbox()
}

const tellNamespaces = "readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc"

func testSandboxMembersShareNamespaces(t *testing.T) {
	c := startSandbox(t)
	first := c.member(uniqueName("m"), shell(tellNamespaces+"; echo told; exec sleep 100000"))
	first.start()
	first.stdout.mustSay("told")
	theirs := strings.TrimSuffix(first.stdout.text(), "told\n")

	apart := c.member(uniqueName("m"), shell(tellNamespaces))
	joined := shell(tellNamespaces)
	joined.namespacesOf = first.state().Pid
	together := c.member(uniqueName("m"), joined)
	for _, p := range []*child{apart, together} {
		p.start()
		p.mustExit(0)
		p.delete()
	}
	together.stdout.mustEndWith(theirs)
	if apart.stdout.text() == theirs {
		t.Errorf("both have %q, which nobody asked for", theirs)
	}
	first.destroy()
	c.endSandbox()
}

// A socket in a volume joins them, for they have one kernel.
func testSandboxMembersShareASocket(t *testing.T) {
	c := startSandbox(t)
	directory := t.TempDir()
	installPeer(t, filepath.Join(directory, peerName))
	start := func(verb string) *child {
		s := specification{args: []string{"/data/" + peerName, verb, "/data/socket"}}
		s.mounts = []specs.Mount{dataVolume(directory)}
		p := c.member(uniqueName("m"), s)
		p.start()
		return p
	}
	listener := start("listen")
	listener.stdout.mustSay("listening")
	dialer := start("dial")
	for _, p := range []*child{dialer, listener} {
		p.mustExit(0)
		p.delete()
	}
	listener.stdout.mustEndWith("listening\nfrom the dialer\n")
	c.endSandbox()
}
