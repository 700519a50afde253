// The other half of hack/interop-ttrpc: containerd's own ttrpc.
//
//	ttrpc-go serve PATH   serves on the unix socket PATH until standard input ends
//	ttrpc-go call PATH    checks the server on that socket
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/containerd/ttrpc"
	"github.com/containerd/ttrpc/integration/streaming"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: ttrpc-go serve|call PATH")
		os.Exit(2)
	}
	var err error
	switch os.Args[1] {
	case "serve":
		err = serve(os.Args[2])
	case "call":
		err = checkServer(os.Args[2])
	}
	if err != nil {
		fmt.Println("their client, our server:", err)
		os.Exit(1)
	}
}

func serve(path string) error {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	server, err := ttrpc.NewServer(ttrpc.WithServerHandshaker(ttrpc.UnixSocketRequireSameUser()))
	if err != nil {
		return err
	}
	streaming.RegisterTTRPCStreamingService(server, service{})
	server.RegisterService("ttrpc.integration.streaming.Interop", &interopService)
	fmt.Println("ready")
	go func() {
		io.Copy(io.Discard, os.Stdin)
		server.Shutdown(context.Background())
	}()
	if err := server.Serve(context.Background(), listener); err != ttrpc.ErrServerClosed {
		return err
	}
	return nil
}
