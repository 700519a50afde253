package conformance

import (
	"syscall"
	"testing"
	"time"
)

// BenchmarkShim measures one shim, in milliseconds; hack/bench runs it for ours and for the runc shim.
func BenchmarkShim(b *testing.B) {
	b.Run("Life", benchmarkLife)
	b.Run("Exec", benchmarkExec)
	b.Run("Input", benchmarkInput)
	b.Run("Output", benchmarkOutput)
}

// stopwatch sums up what the parts of a benchmark take.
type stopwatch map[string]time.Duration

func (w stopwatch) measure(part string, operation func()) {
	begin := time.Now()
	operation()
	w[part] += time.Since(begin)
}

func (w stopwatch) report(b *testing.B) {
	b.ReportMetric(0, "ns/op")
	for part, sum := range w {
		b.ReportMetric(float64(sum.Microseconds())/1000/float64(b.N), "ms-"+part)
	}
}

// The life of a container.
func benchmarkLife(b *testing.B) {
	w := stopwatch{}
	for range b.N {
		var c *shim
		var init *child
		w.measure("1-start-of-the-shim", func() { c = startShim(b, forever()) })
		w.measure("2-create", func() { init = c.create() })
		w.measure("3-start", init.start)
		w.measure("4-kill-and-wait", func() { init.kill(syscall.SIGKILL); init.wait() })
		w.measure("5-delete", func() { init.delete() })
		w.measure("6-shutdown-and-cleanup", c.shutdown)
	}
	w.report(b)
}

// inBenchmark measures an operation on a container that does nothing.
func inBenchmark(b *testing.B, part string, operation func(c *shim)) {
	b.Helper()
	w := stopwatch{}
	c := startShim(b, forever())
	init := c.run()
	for range b.N {
		w.measure(part, func() { operation(c) })
	}
	w.report(b)
	init.end()
}

func benchmarkExec(b *testing.B) {
	inBenchmark(b, "exec", func(c *shim) {
		p := c.execArgs("true")
		p.mustExit(0)
		p.delete()
	})
}

func benchmarkOutput(b *testing.B) {
	inBenchmark(b, "exec-8MiB-out", func(c *shim) {
		p := c.execArgs("cat", burstFile)
		p.mustExit(0)
		p.stdout.mustEndWith(burstText())
		p.delete()
	})
}

func benchmarkInput(b *testing.B) {
	inBenchmark(b, "exec-8MiB-in-and-out", func(c *shim) {
		p := c.execWith(true, process("cat"))
		p.start()
		stdin := p.attach()
		p.mustWrite(stdin, burstText())
		p.closeStdin()
		stdin.Close()
		p.mustExit(0)
		p.stdout.mustEndWith(burstText())
		p.delete()
	})
}
