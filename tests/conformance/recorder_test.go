package conformance

import (
	"context"
	"net"
	"sync"
	"testing"

	events "github.com/containerd/containerd/api/services/ttrpc/events/v1"
	"github.com/containerd/containerd/api/types"
	"github.com/containerd/ttrpc"
)

// recorder is containerd to a shim that publishes events.
type recorder struct {
	address string

	mutex     sync.Mutex
	envelopes []*types.Envelope
}

func startRecorder(t testing.TB, address string) *recorder {
	t.Helper()
	listener, err := net.Listen("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	server, err := ttrpc.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{address: address}
	events.RegisterTTRPCEventsService(server, r)
	go server.Serve(context.Background(), listener)
	t.Cleanup(func() { server.Close() })
	return r
}

func (r *recorder) Forward(_ context.Context, request *events.ForwardRequest) (*empty, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.envelopes = append(r.envelopes, request.Envelope)
	return new(empty), nil
}

func (r *recorder) all() []*types.Envelope {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return append([]*types.Envelope(nil), r.envelopes...)
}

func (r *recorder) topics() []string {
	var topics []string
	for _, envelope := range r.all() {
		topics = append(topics, envelope.Topic)
	}
	return topics
}
