package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/containerd/containerd/api/types"
)

func TestOOM(t *testing.T) {
	s := specification{args: []string{"tail", "-c", "300000000", "/dev/zero"}, memory: 64 << 20}
	c := startShim(t, s)
	init := c.run()
	init.mustExit(137)
	if eventually(func() bool { return slices.Contains(c.events.topics(), "/tasks/oom") }) != nil {
		t.Errorf("no event says that memory ran out: %v", c.events.topics())
	}
	init.delete()
	c.shutdown()
}

// A root file system of a hundred layers: each adds a file, and removes one of the first layer.
func TestLayers(t *testing.T) {
	const count = 100
	// Short names: the kernel takes a page of mount options.
	directory, err := os.MkdirTemp("/tmp", "l")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(directory)
	write := func(path string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	layers := []string{rootfs}
	for i := range count {
		layer := filepath.Join(directory, fmt.Sprint(i))
		write(filepath.Join(layer, "added", fmt.Sprint(i)))
		if i == 0 {
			for j := 1; j < count; j++ {
				write(filepath.Join(layer, "base", fmt.Sprint(j)))
			}
		} else {
			whiteout := filepath.Join(layer, "base", fmt.Sprint(i))
			if err := os.MkdirAll(filepath.Dir(whiteout), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mknod(whiteout, syscall.S_IFCHR, 0); err != nil {
				t.Fatal(err)
			}
		}
		layers = slices.Insert(layers, 0, layer)
	}
	upper, work := filepath.Join(directory, "upper"), filepath.Join(directory, "work")
	for _, name := range []string{upper, work} {
		if err := os.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := startShim(t, shell("ls /base; ls /added | wc -l; echo new > /added/new"))
	init := c.createFrom(&types.Mount{Type: "overlay", Source: "overlay", Options: []string{
		"lowerdir=" + strings.Join(layers, ":"), "upperdir=" + upper, "workdir=" + work,
	}})
	init.start()
	init.mustExit(0)
	init.stdout.mustEndWith(fmt.Sprintln(count))
	init.delete()
	c.shutdown()
	if _, err := os.Stat(filepath.Join(upper, "added", "new")); err != nil {
		t.Error("what the container wrote is not in the upper layer:", err)
	}
}
