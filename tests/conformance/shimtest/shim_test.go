// Package shimtest runs the suites that the containerd project keeps for shims.
package shimtest

import (
	"os"
	"testing"

	"github.com/containerd/shimtest"
)

// config is of our shim: it mounts the root file system itself, in the guest.
func config() shimtest.Config {
	return shimtest.Config{ShimBinary: os.Getenv("SHIM"), FormatMounts: true}
}

func TestRun(t *testing.T)     { shimtest.NewRunSuite(config()).Run(t) }
func TestExec(t *testing.T)    { shimtest.NewExecSuite(config()).Run(t) }
func TestOOM(t *testing.T)     { shimtest.NewOOMSuite(config()).Run(t) }
func TestLayers(t *testing.T)  { shimtest.NewLayersSuite(config()).Run(t) }
func TestSandbox(t *testing.T) { shimtest.NewSandboxSuite(config()).Run(t) }

// TestStress goes on until a minute before the time limit of the tests.
func TestStress(t *testing.T) {
	shimtest.NewStressSuite(config(), shimtest.StressOptions{}).Run(t)
}

func BenchmarkShim(b *testing.B) {
	shimtest.NewRunSuite(config()).Bench(b)
	shimtest.NewExecSuite(config()).Bench(b)
}
