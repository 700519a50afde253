package conformance

import (
	"fmt"
	"io"
	"net"
	"os"
	"testing"
)

// peerName is what this program is called inside a container, where it is one end of a unix socket.
const peerName = "peer"

func installPeer(t *testing.T, path string) {
	t.Helper()
	program, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(path, program, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// peer listens and prints what it is sent, or dials and sends a line.
func peer(verb, path string) error {
	if verb == "dial" {
		connection, err := net.Dial("unix", path)
		if err != nil {
			return err
		}
		defer connection.Close()
		_, err = fmt.Fprintln(connection, "from the dialer")
		return err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	defer listener.Close()
	fmt.Println("listening")
	connection, err := listener.Accept()
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = io.Copy(os.Stdout, connection)
	return err
}
