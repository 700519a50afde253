// The action `start`: creates the socket, starts the shim itself on it, and prints its address in
// the form that start_answer.hpp chooses.
//
// containerd reads stdout and stderr as one stream, until every process that holds them has
// closed them. Therefore nothing but the address is written to either, and the shim itself
// inherits neither.
#pragma once

#include <string>

#include "flow/error.hpp"
#include "shim/options.hpp"

namespace shim {

// The current directory must be the bundle. Returns the text to print. If another shim of the group
// is already serving, this is its address.
flow::result<std::string> start(const options& o);

}  // namespace shim
