// The action `start`: makes the socket, starts the shim itself on it, and prints its address, in
// the form that start_answer.hpp chooses.
//
// containerd reads stdout and stderr as one and waits for everybody who holds them, so there is
// nothing on either but the address, and the shim itself inherits neither.
#pragma once

#include <string>

#include "flow/error.hpp"
#include "shim/options.hpp"

namespace shim {

// The current directory is the bundle. Returns what to print. Where another shim of the group
// serves already, that is its address.
flow::result<std::string> start(const options& o);

}  // namespace shim
