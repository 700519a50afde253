#include "flow/tools/forwarder.hpp"

namespace flow::tools {
namespace {

target parse_or_fail(const connection_options& connections, const std::string& text) {
  auto t = connections.parse_target(text);
  if (!t) {
    command_line::fail(t.error().context());
  }
  return std::move(*t);
}

}  // namespace

forward_options parse_forward_options(int argc, char** argv) {
  forward_options o;
  bool quiet = false;
  bool verbose = false;
  command_line line(
      "FROM TO [FROM TO]...",
      "Listen at each FROM and connect each accepted connection to the TO that follows it, both "
      "ways, passing on each end of data."
      "\v"
      "FROM and TO are addresses as for hvcat, framed unless they begin with raw+: "
      "hvforward vsock://any:2375 raw+unix:///run/docker.sock; see hvsock-address(7). Each "
      "connection is logged to standard error with the number of bytes moved.");
  line.add_flag('q', "quiet", "Log warnings and errors only", quiet);
  line.add_flag('v', "verbose", "Also log accepted connections", verbose);
  o.connections.add_to(line);
  line.parse(argc, argv);

  const auto& arguments = line.arguments();
  if (arguments.empty() || arguments.size() % 2 != 0) {
    command_line::fail("a TO is needed for each FROM");
  }
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    o.rules.push_back({parse_or_fail(o.connections, arguments[i]),
                       parse_or_fail(o.connections, arguments[i + 1])});
    if (std::holds_alternative<descriptor_address>(o.rules.back().to.where)) {
      command_line::fail("a descriptor can be connected to only once: " + arguments[i + 1]);
    }
  }
  if (quiet) {
    o.level = log::level::warning;
  } else if (verbose) {
    o.level = log::level::debug;
  }
  return o;
}

}  // namespace flow::tools
