package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/containerd/ttrpc"
	"github.com/containerd/ttrpc/integration/streaming"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

const interop = "ttrpc.integration.streaming.Interop"

type checks struct {
	ctx    context.Context
	path   string
	client *ttrpc.Client
	stubs  streaming.TTRPCStreamingClient
}

func checkServer(path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, err := dial(path)
	if err != nil {
		return err
	}
	defer client.Close()
	c := checks{ctx, path, client, streaming.NewTTRPCStreamingClient(client)}
	for name, check := range map[string]func() error{
		"unary":         c.unary,
		"errors":        c.errors,
		"deadline":      c.deadline,
		"metadata":      c.metadata,
		"large":         c.large,
		"client stream": c.clientStream,
		"server stream": c.serverStream,
		"duplex":        c.duplex,
		"many":          c.many,
		"blocked":       c.blocked,
	} {
		if err := check(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func dial(path string, opts ...ttrpc.ClientOpts) (*ttrpc.Client, error) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	return ttrpc.NewClient(conn, opts...), nil
}

func (c *checks) call(method string, p *streaming.EchoPayload) (*streaming.EchoPayload, error) {
	var r streaming.EchoPayload
	err := c.client.Call(c.ctx, interop, method, p, &r)
	return &r, err
}

func expectStatus(err error, code codes.Code, message string) error {
	st, ok := status.FromError(err)
	if !ok || st.Code() != code || st.Message() != message {
		return fmt.Errorf("got %v, want %v %q", err, code, message)
	}
	return nil
}

func (c *checks) unary() error {
	r, err := c.stubs.Echo(c.ctx, &streaming.EchoPayload{Seq: 41, Msg: "hello"})
	if err != nil {
		return err
	}
	if r.Seq != 42 || r.Msg != "hello" {
		return fmt.Errorf("got %v", r)
	}
	return nil
}

func (c *checks) errors() error {
	_, err := c.call("Fail", &streaming.EchoPayload{Msg: "process does not exist e1"})
	if err := expectStatus(err, codes.NotFound, "process does not exist e1"); err != nil {
		return err
	}
	_, err = c.call("Nope", &streaming.EchoPayload{})
	if err := expectStatus(err, codes.Unimplemented, "method Nope"); err != nil {
		return err
	}
	err = c.client.Call(c.ctx, "foo.Bar", "Echo", &streaming.EchoPayload{}, &streaming.EchoPayload{})
	return expectStatus(err, codes.Unimplemented, "service foo.Bar")
}

// Only the server knows the deadline, so the server must enforce it.
func (c *checks) deadline() error {
	client, err := dial(c.path, ttrpc.WithUnaryClientInterceptor(
		func(ctx context.Context, req *ttrpc.Request, resp *ttrpc.Response, _ *ttrpc.UnaryClientInfo, invoke ttrpc.Invoker) error {
			req.TimeoutNano = int64(20 * time.Millisecond)
			return invoke(ctx, req, resp)
		}))
	if err != nil {
		return err
	}
	defer client.Close()
	err = client.Call(context.Background(), interop, "Wait", &streaming.EchoPayload{}, &streaming.EchoPayload{})
	return expectStatus(err, codes.DeadlineExceeded, "deadline exceeded")
}

func (c *checks) metadata() error {
	md := ttrpc.MD{}
	md.Set("containerd-namespace-ttrpc", "k8s.io")
	var r streaming.EchoPayload
	p := &streaming.EchoPayload{Msg: "containerd-namespace-ttrpc"}
	if err := c.client.Call(ttrpc.WithMetadata(c.ctx, md), interop, "Metadata", p, &r); err != nil {
		return err
	}
	if r.Msg != "k8s.io" {
		return fmt.Errorf("got %q", r.Msg)
	}
	return nil
}

func (c *checks) large() error {
	long := strings.Repeat("x", 4_190_000)
	r, err := c.stubs.Echo(c.ctx, &streaming.EchoPayload{Msg: long})
	if err != nil {
		return err
	}
	if r.Msg != long {
		return fmt.Errorf("got %d bytes", len(r.Msg))
	}
	_, err = c.call("Fill", &streaming.EchoPayload{Seq: 4 << 20})
	if err := expectStatus(err, codes.ResourceExhausted,
		"message length 4194314 exceed maximum message size of 4194304"); err != nil {
		return err
	}
	return c.unary()
}

func (c *checks) clientStream() error {
	sum, err := c.stubs.SumStream(c.ctx)
	if err != nil {
		return err
	}
	for i := int32(1); i <= 1000; i++ {
		if err := sum.Send(&streaming.Part{Add: i}); err != nil {
			return err
		}
	}
	total, err := sum.CloseAndRecv()
	if err != nil {
		return err
	}
	if total.Sum != 500500 || total.Num != 1000 {
		return fmt.Errorf("got %v", total)
	}

	null, err := c.stubs.EchoNull(c.ctx)
	if err != nil {
		return err
	}
	for i := uint32(0); i < 100; i++ {
		if err := null.Send(&streaming.EchoPayload{Seq: i, Msg: "non-empty"}); err != nil {
			return err
		}
	}
	_, err = null.CloseAndRecv()
	return err
}

func (c *checks) serverStream() error {
	parts, err := c.stubs.DivideStream(c.ctx, &streaming.Sum{Sum: 1234, Num: 200})
	if err != nil {
		return err
	}
	var sum, num int32
	for {
		part, err := parts.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		sum += part.Add
		num++
	}
	if sum != 1234 || num != 200 {
		return fmt.Errorf("got %d in %d parts", sum, num)
	}

	five, err := c.stubs.EmptyPayloadStream(c.ctx, &emptypb.Empty{})
	if err != nil {
		return err
	}
	for i := uint32(1); i <= 5; i++ {
		p, err := five.Recv()
		if err != nil {
			return err
		}
		if p.Seq != i {
			return fmt.Errorf("got %d, want %d", p.Seq, i)
		}
	}
	if _, err := five.Recv(); err != io.EOF {
		return fmt.Errorf("got %v, want the end", err)
	}
	return nil
}

func (c *checks) duplex() error {
	echo, err := c.stubs.EchoStream(c.ctx)
	if err != nil {
		return err
	}
	for i := uint32(0); i < 500; i++ {
		if err := echo.Send(&streaming.EchoPayload{Seq: i, Msg: "message"}); err != nil {
			return err
		}
		p, err := echo.Recv()
		if err != nil {
			return err
		}
		if p.Seq != i+1 {
			return fmt.Errorf("got %d, want %d", p.Seq, i+1)
		}
	}
	if err := echo.CloseSend(); err != nil {
		return err
	}
	if _, err := echo.Recv(); err != io.EOF {
		return fmt.Errorf("got %v, want the end", err)
	}

	null, err := c.stubs.EchoNullStream(c.ctx)
	if err != nil {
		return err
	}
	if err := null.Send(&streaming.EchoPayload{Seq: 7}); err != nil {
		return err
	}
	_, err = null.Recv()
	return expectStatus(err, codes.InvalidArgument, "unexpected sequence number")
}

func (c *checks) many() error {
	var group sync.WaitGroup
	failures := make(chan error, 100)
	for g := uint32(0); g < 100; g++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := g * 1000; i < g*1000+100; i++ {
				r, err := c.stubs.Echo(c.ctx, &streaming.EchoPayload{Seq: i})
				if err == nil && r.Seq != i+1 {
					err = fmt.Errorf("got %d, want %d", r.Seq, i+1)
				}
				if err != nil {
					failures <- err
					return
				}
			}
		}()
	}
	group.Wait()
	close(failures)
	return <-failures
}

// Hundreds of waiting calls leave the connection usable, and end with it.
func (c *checks) blocked() error {
	client, err := dial(c.path)
	if err != nil {
		return err
	}
	const calls = 500
	ended := make(chan error, calls)
	for i := 0; i < calls; i++ {
		go func() {
			ended <- client.Call(context.Background(), interop, "Wait", &streaming.EchoPayload{}, &streaming.EchoPayload{})
		}()
	}
	if _, err := streaming.NewTTRPCStreamingClient(client).Echo(c.ctx, &streaming.EchoPayload{}); err != nil {
		return err
	}
	client.Close()
	for i := 0; i < calls; i++ {
		if err := <-ended; err == nil {
			return fmt.Errorf("a call that waits was answered")
		}
	}
	return c.unary()
}
