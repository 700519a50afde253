#include "flow/tools/bench.hpp"

namespace flow::tools {
namespace {

result<std::vector<std::uint32_t>> parse_sizes(std::string_view text) {
  std::vector<std::uint32_t> sizes;
  for (;;) {
    const auto comma = text.find(',');
    const auto size = parse_count(text.substr(0, comma), 1, max_bench_size);
    if (!size) {
      return size.error();
    }
    sizes.push_back(static_cast<std::uint32_t>(*size));
    if (comma == std::string_view::npos) {
      return sizes;
    }
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

bench_options parse_bench_options(int argc, char** argv) {
  bench_options o;
  o.sizes = {8, 64, 512, 4096, 16384, 65536, 262144, 1048576};
  command_line line(
      "ADDRESS",
      "Measure the connection to an hvbench that listens at ADDRESS: goodput as counted by the "
      "receiver, round trips, connecting, and the processor time they take."
      "\v"
      "ADDRESS is as for hvcat. Without one of --upload, --download, --latency and --connect all "
      "four are measured.");
  line.add_flag('l', "listen", "Act as the other end until interrupted", o.listen);
  line.add_flag('U', "upload", "Measure sending", o.upload);
  line.add_flag('D', "download", "Measure receiving", o.download);
  line.add_flag('L', "latency", "Measure round trips", o.latency);
  line.add_flag('C', "connect", "Measure connecting", o.connect);
  line.add('s', "sizes", "BYTES,...", "Bytes per write (8,64,512,4k,16k,64k,256k,1M; at most 16M)",
           [&o](std::string_view text) -> result<void> {
             auto sizes = parse_sizes(text);
             if (!sizes) {
               return sizes.error();
             }
             o.sizes = std::move(*sizes);
             return {};
           });
  line.add('t', "time", "SECONDS", "Duration of each measurement (1)", seconds_value(o.time));
  line.add('n', "connects", "N", "Number of connections (2000)",
           number_value(o.connects, 1, UINT64_MAX));
  line.add_flag('j', "json", "Report in JSON", o.json);
  line.add_flag('v', "verbose", "Log the events of the listening end", o.verbose);
  o.connections.add_to(line);
  line.parse(argc, argv);

  if (line.arguments().size() != 1) {
    command_line::fail("one ADDRESS is needed");
  }
  auto peer = o.connections.parse_target(line.arguments().front());
  if (!peer) {
    command_line::fail(peer.error().context());
  }
  o.peer = std::move(*peer);
  if (o.time > std::chrono::hours(1)) {
    command_line::fail("--time is more than an hour");
  }
  if (!o.upload && !o.download && !o.latency && !o.connect) {
    o.upload = o.download = o.latency = o.connect = true;
  }
  return o;
}

}  // namespace flow::tools
