// The order in which a shim may publish the events of its tasks, and how often: containerd's rules,
// applied to the events of a recorder.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "containerd/services/events/ttrpc/v1/events.pb.h"

namespace e2e {

// What the test did to a process, according to the answers to its calls.
struct process_facts {
  bool added = false;    // Create or Exec succeeded
  bool started = false;  // Start succeeded
  bool deleted = false;  // for a container: Delete succeeded
  int status = -1;       // the answer of Wait; -1: not waited for
};

// The key of a container's first process is the container's id, that of an exec "container/exec".
using facts = std::map<std::string, process_facts>;

// Returns the rules that `events` violate, one line each:
//  - one event for each fact, and none for anything that did not happen
//  - create, start, exit, delete in that order; exec-added, exec-started, exit likewise
//  - exactly one exit per started process, with the status that Wait answered
//  - the exit of the first process is the last exit of its container, and no exec starts after it
//  - nothing after delete
std::vector<std::string> broken_rules(
    const std::vector<::containerd::services::events::ttrpc::v1::ForwardRequest>& events,
    const facts& happened);

}  // namespace e2e
