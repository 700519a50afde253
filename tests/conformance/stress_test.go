package conformance

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	task "github.com/containerd/containerd/api/runtime/task/v3"
)

func TestStress(t *testing.T) {
	t.Run("Lifecycles", testManyLifecycles)
	t.Run("Execs", testManyExecs)
}

// rounds of each stress test; CONFORMANCE_ROUNDS says how many.
func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("CONFORMANCE_ROUNDS")
	if text == "" {
		return 10
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal("CONFORMANCE_ROUNDS: ", err)
	}
	return n
}

func testManyLifecycles(t *testing.T) {
	for i := range rounds(t) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			c := startShim(t, shell("echo hello"))
			init := c.run()
			init.mustExit(0)
			init.stdout.mustEndWith("hello\n")
			init.delete()
			c.shutdown()
		})
	}
}

// What the shim holds: its open descriptors, and its memory in bytes.
func (c *shim) holds() (descriptors int, resident int) {
	c.t.Helper()
	var connected task.ConnectResponse
	c.must("Connect", &task.ConnectRequest{ID: c.id}, &connected)
	directory := fmt.Sprintf("/proc/%d/", connected.ShimPid)
	entries, err := os.ReadDir(directory + "fd")
	if err != nil {
		c.t.Fatal(err)
	}
	statm, err := os.ReadFile(directory + "statm")
	if err != nil {
		c.t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(statm))[1])
	if err != nil {
		c.t.Fatal(err)
	}
	return len(entries), pages * os.Getpagesize()
}

// Four at a time, of each kind in turn: with a word of output, with megabytes of it before the exit, and with
// megabytes from stdin to stdout. The shim must not grow with their number.
func testManyExecs(t *testing.T) {
	const atOnce = 4
	inContainer(t, forever(), func(c *shim) {
		text := burstText()
		round := func(i int) {
			var execs []*child
			size := 32<<10 + (i*1299709)%(4<<20)
			for range atOnce {
				execs = append(execs, c.execOfKind(i, size, text))
			}
			for _, p := range execs {
				p.mustExit(0)
				if i%3 == 0 {
					p.stdout.mustEndWith("word\n")
				} else {
					p.stdout.mustEndWith(text[:size])
				}
				p.delete()
			}
		}
		for i := range 3 {
			round(i)
		}
		descriptors, resident := c.holds()
		for i := range rounds(t) {
			round(i)
		}
		if eventually(func() bool { now, _ := c.holds(); return now <= descriptors }) != nil {
			now, _ := c.holds()
			t.Errorf("%d open descriptors, before %d", now, descriptors)
		}
		if _, now := c.holds(); now > resident+1<<20 {
			t.Errorf("%d bytes resident, before %d", now, resident)
		}
	})
}

func (c *shim) execOfKind(kind, size int, text string) *child {
	c.t.Helper()
	switch kind % 3 {
	case 0:
		return c.execArgs("echo", "word")
	case 1:
		return c.execArgs("head", "-c", fmt.Sprint(size), burstFile)
	default:
		p := c.execWith(true, process("cat"))
		p.start()
		stdin := p.attach()
		p.mustWrite(stdin, text[:size])
		p.closeStdin()
		stdin.Close()
		return p
	}
}
