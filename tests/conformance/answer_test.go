package conformance

import (
	"encoding/json"
	"fmt"
	"strings"

	bootstrap "github.com/containerd/containerd/api/runtime/bootstrap/v1"
	"google.golang.org/protobuf/proto"
)

// parseAnswer reads what `start` prints, in each of the forms that containerd takes: an address, JSON, or
// (since 2.3) a message.
func parseAnswer(out []byte) (*bootstrap.BootstrapResult, error) {
	text := strings.TrimSpace(string(out))
	if strings.HasPrefix(text, "unix://") {
		return &bootstrap.BootstrapResult{Version: 2, Address: text, Protocol: "ttrpc"}, nil
	}
	answer := new(bootstrap.BootstrapResult)
	if strings.HasPrefix(text, "{") {
		var fields struct {
			Version           int32
			Address, Protocol string
		}
		if err := json.Unmarshal(out, &fields); err != nil {
			return nil, fmt.Errorf("start answered %q: %w", text, err)
		}
		answer.Version, answer.Address, answer.Protocol = fields.Version, fields.Address, fields.Protocol
		return answer, nil
	}
	if err := proto.Unmarshal(out, answer); err != nil {
		return nil, fmt.Errorf("start answered %q: %w", text, err)
	}
	if !strings.HasPrefix(answer.Address, "unix://") {
		return nil, fmt.Errorf("start answered %q", text)
	}
	return answer, nil
}
