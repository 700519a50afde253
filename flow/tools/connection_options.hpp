// The options for connecting and framing, the same for every tool, and functions that apply them.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "flow/duplex.hpp"
#include "flow/endpoint.hpp"
#include "flow/tools/command_line.hpp"

namespace flow::tools {

// An address and its framing: "vsock://2:80", "raw+unix:///run/s", "framed+fd://3".
struct target {
  address where;
  bool framed = true;

  std::string text;  // as given by the user
};

struct connection_options {
  bool raw = false;
  std::uint32_t max_payload = legacy_max_payload;
  std::uint32_t max_frame = agreed_max_payload;
  vsock_options vsock;
  std::chrono::steady_clock::duration connect_timeout = std::chrono::seconds(10);
  std::chrono::steady_clock::duration close_timeout = std::chrono::seconds(10);

  void add_to(command_line& line);

  // Without a "raw+" or "framed+" prefix, `raw` decides.
  result<target> parse_target(const std::string& text) const;

  // A duplex, framed or raw as `t` says.
  std::unique_ptr<duplex> speak(std::unique_ptr<transport> connection, const target& t) const;

  awaitable<result<std::unique_ptr<duplex>>> connect(asio::any_io_executor executor,
                                                     const target& t) const;
  result<listener> listen(const asio::any_io_executor& executor, const target& t) const;
};

// The actual address of a listener, with the port that the system chose, if it did.
std::string place_of(const listener& l, const target& t);

}  // namespace flow::tools
