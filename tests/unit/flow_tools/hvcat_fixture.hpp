// Shared by the tests of hvcat.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "flow/tools/exit_status.hpp"
#include "tests/unit/flow/stream_fixture.hpp"
#include "tests/unit/flow_tools/tool.hpp"

namespace tests {

inline const std::string hvcat = HVCAT_PATH;

constexpr int code(flow::tools::exit_status s) {
  return static_cast<int>(s);
}

inline std::vector<std::string> with(std::vector<std::string> arguments,
                                     const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

// A directory with a socket in it, and the arguments of both ends of a connection there.
struct place {
  temporary_directory directory;
  std::string path = directory / "s";
  std::string uri = "unix://" + path;
};

// hvcat connected to the test, which speaks the wire format directly.
struct by_hand {
  explicit by_hand(std::vector<std::string> arguments = {}, const tool::files& f = tool::files())
      : listener(listen_at(p.path)),
        program(hvcat, with(std::move(arguments), {p.uri}), f),
        peer(accept_from(listener)) {}

  // Everything received until `text` appeared.
  std::string received_until(const std::string& text) {
    return read_until(peer.get(), text, received);
  }

  place p;
  flow::unique_fd listener;
  tool program;
  flow::unique_fd peer;
  std::string received;
};

}  // namespace tests
