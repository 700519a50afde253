package conformance

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stream reads a FIFO from its first byte to its end.
type stream struct {
	shim *shim
	path string

	mutex sync.Mutex
	bytes bytes.Buffer
	ended chan struct{}
}

// newStream makes a FIFO in the bundle and reads it.
func (c *shim) newStream(name string) *stream {
	c.t.Helper()
	s := &stream{shim: c, path: c.newFIFO(name), ended: make(chan struct{})}
	go s.read()
	// Lets go of a reader that nobody ever wrote to.
	c.t.Cleanup(func() {
		if writer, err := os.OpenFile(s.path, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			writer.Close()
		}
	})
	return s
}

func (c *shim) newFIFO(name string) string {
	c.t.Helper()
	path := filepath.Join(c.bundle, name)
	if err := syscall.Mkfifo(path, 0o700); err != nil {
		c.t.Fatal(err)
	}
	return path
}

func (s *stream) read() {
	defer close(s.ended)
	file, err := os.Open(s.path)
	if err != nil {
		return
	}
	defer file.Close()
	io.Copy(s, file)
}

func (s *stream) Write(some []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.bytes.Write(some)
}

func (s *stream) text() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.bytes.String()
}

// mustSay waits for the text.
func (s *stream) mustSay(text string) {
	s.shim.t.Helper()
	if eventually(func() bool { return strings.Contains(s.text(), text) }) != nil {
		s.shim.t.Fatalf("%s does not say %q but %q", filepath.Base(s.path), text, cut(s.text()))
	}
}

// mustEndWith waits for the end of the stream, which has to come without a Delete, and compares the whole.
func (s *stream) mustEndWith(whole string) {
	s.shim.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(callTimeout):
		s.shim.t.Fatalf("%s does not end; it has %d bytes", filepath.Base(s.path), len(s.text()))
	}
	got := s.text()
	if got == whole {
		return
	}
	at := 0
	for at < len(got) && at < len(whole) && got[at] == whole[at] {
		at++
	}
	s.shim.t.Fatalf("%s: %d bytes instead of %d, they differ at %d: %q", filepath.Base(s.path), len(got),
		len(whole), at, cut(got[at:]))
}

func cut(text string) string {
	if len(text) > 200 {
		return text[:200] + "..."
	}
	return text
}
