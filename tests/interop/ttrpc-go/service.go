package main

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/containerd/ttrpc"
	"github.com/containerd/ttrpc/integration/streaming"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

type service struct{}

func (service) Echo(_ context.Context, p *streaming.EchoPayload) (*streaming.EchoPayload, error) {
	p.Seq++
	return p, nil
}

func (service) EchoStream(_ context.Context, s streaming.TTRPCStreaming_EchoStreamServer) error {
	for {
		p, err := s.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		p.Seq++
		if err := s.Send(p); err != nil {
			return err
		}
	}
}

func (service) SumStream(_ context.Context, s streaming.TTRPCStreaming_SumStreamServer) (*streaming.Sum, error) {
	var sum streaming.Sum
	for {
		part, err := s.Recv()
		if err == io.EOF {
			return &sum, nil
		}
		if err != nil {
			return nil, err
		}
		sum.Sum += part.Add
		sum.Num++
	}
}

func (service) DivideStream(_ context.Context, sum *streaming.Sum, s streaming.TTRPCStreaming_DivideStreamServer) error {
	left := sum.Sum
	for parts := sum.Num; parts > 0; parts-- {
		part := &streaming.Part{Add: left / parts}
		left -= part.Add
		if err := s.Send(part); err != nil {
			return err
		}
	}
	return nil
}

func (service) EchoNull(_ context.Context, s streaming.TTRPCStreaming_EchoNullServer) (*emptypb.Empty, error) {
	for expected := uint32(0); ; expected++ {
		p, err := s.Recv()
		if err == io.EOF {
			return &emptypb.Empty{}, nil
		}
		if err != nil {
			return nil, err
		}
		if p.Seq != expected {
			return nil, errors.New("unexpected sequence number")
		}
	}
}

func (service) EchoNullStream(_ context.Context, s streaming.TTRPCStreaming_EchoNullStreamServer) error {
	for expected := uint32(0); ; expected++ {
		p, err := s.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if p.Seq != expected {
			return errors.New("unexpected sequence number")
		}
		if err := s.Send(&emptypb.Empty{}); err != nil {
			return err
		}
	}
}

func (service) EmptyPayloadStream(_ context.Context, _ *emptypb.Empty, s streaming.TTRPCStreaming_EmptyPayloadStreamServer) error {
	for i := uint32(1); i <= 5; i++ {
		if err := s.Send(&streaming.EchoPayload{Seq: i}); err != nil {
			return err
		}
	}
	return nil
}

func method(f func(context.Context, *streaming.EchoPayload) (*streaming.EchoPayload, error)) ttrpc.Method {
	return func(ctx context.Context, unmarshal func(interface{}) error) (interface{}, error) {
		var p streaming.EchoPayload
		if err := unmarshal(&p); err != nil {
			return nil, err
		}
		return f(ctx, &p)
	}
}

var interopService = ttrpc.ServiceDesc{Methods: map[string]ttrpc.Method{
	"Fail": method(func(_ context.Context, p *streaming.EchoPayload) (*streaming.EchoPayload, error) {
		return nil, status.Error(codes.NotFound, p.Msg)
	}),
	"Fill": method(func(_ context.Context, p *streaming.EchoPayload) (*streaming.EchoPayload, error) {
		return &streaming.EchoPayload{Msg: strings.Repeat("x", int(p.Seq))}, nil
	}),
	"Wait": method(func(ctx context.Context, _ *streaming.EchoPayload) (*streaming.EchoPayload, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}),
	"Metadata": method(func(ctx context.Context, p *streaming.EchoPayload) (*streaming.EchoPayload, error) {
		value, _ := ttrpc.GetMetadataValue(ctx, p.Msg)
		return &streaming.EchoPayload{Msg: value}, nil
	}),
}}
