// The order in which a shim may publish what happened to its tasks, and how often: containerd's
// rules, applied to what a recorder has taken.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "containerd/services/events/ttrpc/v1/events.pb.h"

namespace e2e {

// What the test did to a process, as the answers to its calls said.
struct process_facts {
  bool added = false;    // Create or Exec succeeded
  bool started = false;  // Start succeeded
  bool deleted = false;  // of a container: Delete succeeded
  int status = -1;       // what Wait answered; -1: not waited for
};

// A container's first process is under its own id, an exec under "container/exec".
using facts = std::map<std::string, process_facts>;

// Every rule that `events` break, a line each:
//  - an event for each fact, once, and none for what did not happen
//  - create, start, exit, delete in that order; exec-added, exec-started, exit likewise
//  - exactly one exit per started process, with the status that Wait answered
//  - the first process' exit is the last exit of its container, and no exec starts after it
//  - nothing after delete
std::vector<std::string> broken_rules(
    const std::vector<::containerd::services::events::ttrpc::v1::ForwardRequest>& events,
    const facts& happened);

}  // namespace e2e
