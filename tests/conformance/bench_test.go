package conformance

import (
	"syscall"
	"testing"
	"time"
)

// BenchmarkShim measures one shim; hack/bench runs it for ours and for the runc shim.
func BenchmarkShim(b *testing.B) {
	b.Run("Phases", benchmarkPhases)
	b.Run("Exec", benchmarkExec)
	b.Run("Stdin8MiB", benchmarkStdin)
	b.Run("Output8MiB", benchmarkOutput)
}

// phase reports what an operation takes on the average, in milliseconds.
func phase(b *testing.B, sums map[string]time.Duration, name string, operation func()) {
	b.Helper()
	begin := time.Now()
	operation()
	sums[name] += time.Since(begin)
}

func report(b *testing.B, sums map[string]time.Duration) {
	b.Helper()
	for name, sum := range sums {
		b.ReportMetric(float64(sum.Microseconds())/1000/float64(b.N), "ms-"+name)
	}
}

// The life of a container, from `start` to `delete`.
func benchmarkPhases(b *testing.B) {
	sums := map[string]time.Duration{}
	for range b.N {
		var c *shim
		var init *child
		phase(b, sums, "shim-start", func() { c = startShim(b, forever()) })
		phase(b, sums, "create", func() { init = c.create() })
		phase(b, sums, "start", init.start)
		phase(b, sums, "kill-and-wait", func() { init.kill(syscall.SIGKILL); init.wait() })
		phase(b, sums, "delete", func() { init.delete() })
		phase(b, sums, "shutdown-and-cleanup", c.shutdown)
	}
	report(b, sums)
}

// inBenchmark measures an operation on a container that does nothing.
func inBenchmark(b *testing.B, operation func(c *shim)) {
	b.Helper()
	c := startShim(b, forever())
	init := c.run()
	b.ResetTimer()
	for range b.N {
		operation(c)
	}
	b.StopTimer()
	init.end()
}

func benchmarkExec(b *testing.B) {
	inBenchmark(b, func(c *shim) {
		p := c.execArgs("true")
		p.mustExit(0)
		p.delete()
	})
}

func benchmarkOutput(b *testing.B) {
	b.SetBytes(int64(len(burstText())))
	inBenchmark(b, func(c *shim) {
		p := c.execArgs("cat", burstFile)
		p.mustExit(0)
		p.stdout.mustEndWith(burstText())
		p.delete()
	})
}

func benchmarkStdin(b *testing.B) {
	b.SetBytes(int64(len(burstText())))
	inBenchmark(b, func(c *shim) {
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
