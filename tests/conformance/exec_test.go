package conformance

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	task "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestExec(t *testing.T) {
	t.Run("Output", testExecOutput)
	t.Run("ExitCodes", testExecExitCodes)
	t.Run("Stdin", testExecStdin)
	t.Run("StdinOfManyMebibytes", testExecLargeStdin)
	t.Run("DetachAndReattach", testDetachAndReattach)
	t.Run("BurstThenExit", testExecBurst)
	t.Run("ReaderThatComesLate", testReaderThatComesLate)
	t.Run("Clock", testClock)
	t.Run("LargeFileOfTheImage", testLargeFileOfTheImage)
	t.Run("LargeFileOfABindMount", testLargeFileOfABindMount)
	t.Run("EndsWithItsContainer", testExecEndsWithItsContainer)
	t.Run("MissingProgram", testExecOfAMissingProgram)
}

// inContainer runs a test in a container that does nothing.
func inContainer(t *testing.T, s specification, test func(c *shim)) {
	t.Helper()
	c := startShim(t, s)
	init := c.run()
	test(c)
	init.end()
}

func testExecOutput(t *testing.T) {
	inContainer(t, forever(), func(c *shim) {
		p := c.execArgs("sh", "-c", "echo out; echo err >&2")
		p.mustExit(0)
		p.stdout.mustEndWith("out\n")
		p.stderr.mustEndWith("err\n")
		p.delete()
		err := c.call("State", &task.StateRequest{ID: c.id, ExecID: p.exec}, new(task.StateResponse))
		if status.Code(err) != codes.NotFound {
			t.Errorf("State of a deleted exec: %v", err)
		}
	})
}

func testExecExitCodes(t *testing.T) {
	inContainer(t, forever(), func(c *shim) {
		for _, code := range []int{0, 1, 2, 42, 127, 255} {
			p := c.execArgs("sh", "-c", fmt.Sprint("exit ", code))
			p.mustExit(code)
			p.delete()
		}
	})
}

func (p *child) mustWrite(file *os.File, text string) {
	p.shim.t.Helper()
	if _, err := file.WriteString(text); err != nil {
		p.shim.t.Fatal(err)
	}
}

func testExecStdin(t *testing.T) {
	inContainer(t, forever(), func(c *shim) {
		p := c.execWith(true, process("cat"))
		p.start()
		stdin := p.attach()
		p.mustWrite(stdin, "a token\n")
		p.stdout.mustSay("a token\n")
		p.closeStdin()
		p.closeStdin()
		stdin.Close()
		p.mustExit(0)
		p.delete()
	})
}

func testExecLargeStdin(t *testing.T) {
	inContainer(t, forever(), func(c *shim) {
		text := strings.Repeat(burstText(), 4)
		p := c.execWith(true, process("cat"))
		p.start()
		stdin := p.attach()
		p.mustWrite(stdin, text)
		// In this order, as ctr does: what is still in the FIFO has to arrive.
		p.closeStdin()
		stdin.Close()
		p.mustExit(0)
		p.stdout.mustEndWith(text)
		p.delete()
	})
}

// A client that goes is not the end of stdin; CloseIO is.
func testDetachAndReattach(t *testing.T) {
	inContainer(t, forever(), func(c *shim) {
		p := c.execWith(true, process("cat"))
		p.start()
		for i := range 3 {
			line := fmt.Sprintf("client %d\n", i)
			stdin := p.attach()
			p.mustWrite(stdin, line)
			stdin.Close()
			p.stdout.mustSay(line)
		}
		p.closeStdin()
		p.mustExit(0)
		p.stdout.mustEndWith("client 0\nclient 1\nclient 2\n")
		p.delete()
	})
}

func testExecBurst(t *testing.T) {
	inContainer(t, forever(), func(c *shim) {
		p := c.execArgs("cat", burstFile)
		p.mustExit(0)
		p.stdout.mustEndWith(burstText())
		p.delete()
	})
}

// Nobody reads while the process runs and exits. Its output, more than a FIFO holds, is there for whoever
// comes afterwards.
func testReaderThatComesLate(t *testing.T) {
	inContainer(t, forever(), func(c *shim) {
		p := &child{shim: c, id: c.id, exec: uniqueName("e"), stderr: c.newStream("late-stderr")}
		out := c.newFIFO("late-stdout")
		c.must("Exec", &task.ExecProcessRequest{
			ID: c.id, ExecID: p.exec, Stdout: out, Stderr: p.stderr.path,
			Spec: processAny(t, process("head", "-c", "150000", burstFile)),
		}, new(empty))
		p.start()
		p.mustExit(0)
		p.stdout = &stream{shim: c, path: out, ended: make(chan struct{})}
		go p.stdout.read()
		p.stdout.mustEndWith(burstText()[:150000])
		p.delete()
	})
}

func testClock(t *testing.T) {
	inContainer(t, forever(), func(c *shim) {
		before := time.Now().Unix()
		p := c.execArgs("date", "+%s")
		p.mustExit(0)
		after := time.Now().Unix()
		p.stdout.mustSay("\n")
		there, err := strconv.ParseInt(strings.TrimSpace(p.stdout.text()), 10, 64)
		if err != nil || there < before-1 || there > after+1 {
			t.Errorf("the guest says %q between %d and %d", p.stdout.text(), before, after)
		}
		p.delete()
	})
}

// writeLargeFile makes a file of 64 MiB and says what its digest is.
func writeLargeFile(t *testing.T, path string) string {
	t.Helper()
	data := []byte(strings.Repeat(burstText(), 8))
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

func (c *shim) mustHaveDigest(path, digest string) {
	c.t.Helper()
	p := c.execArgs("sha256sum", path)
	p.mustExit(0)
	p.stdout.mustEndWith(digest + "  " + path + "\n")
	p.delete()
}

func testLargeFileOfTheImage(t *testing.T) {
	path := filepath.Join(rootfs, "data", "large")
	digest := writeLargeFile(t, path)
	defer os.Remove(path)
	inContainer(t, forever(), func(c *shim) { c.mustHaveDigest("/data/large", digest) })
}

func testLargeFileOfABindMount(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large")
	digest := writeLargeFile(t, path)
	s := forever()
	s.mounts = []specs.Mount{
		{Type: "bind", Source: path, Destination: "/tmp/large", Options: []string{"rbind"}},
	}
	inContainer(t, s, func(c *shim) { c.mustHaveDigest("/tmp/large", digest) })
}

func testExecEndsWithItsContainer(t *testing.T) {
	c := startShim(t, forever())
	init := c.run()
	p := c.execArgs("sleep", "100000")
	init.kill(syscall.SIGKILL)
	init.mustExit(137)
	p.mustExit(137)
	p.delete()
	init.delete()
	c.shutdown()
	var exits []string
	for _, envelope := range c.events.all() {
		if envelope.Topic == "/tasks/exit" {
			exits = append(exits, string(envelope.Event.Value))
		}
	}
	// The container's exit is its last.
	if len(exits) != 2 || !strings.Contains(exits[0], p.exec) || strings.Contains(exits[1], p.exec) {
		t.Errorf("exit events %q", exits)
	}
}

func testExecOfAMissingProgram(t *testing.T) {
	inContainer(t, forever(), func(c *shim) {
		p := c.execWith(false, process("/nonexistent"))
		err := c.call("Start", &task.StartRequest{ID: c.id, ExecID: p.exec}, new(task.StartResponse))
		if err == nil || !strings.Contains(err.Error(), "/nonexistent") {
			t.Errorf("Start: %v", err)
		}
		p.delete()
	})
}
