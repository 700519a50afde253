// What a process of a container starts with.
#pragma once

namespace agent {

// Its standard descriptors, borrowed for the call they are given to. -1 is /dev/null.
struct process_descriptors {
  int in = -1;
  int out = -1;
  int err = -1;
};

}  // namespace agent
