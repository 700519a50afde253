#include <algorithm>
#include <random>

#include "flow/tools/stress.hpp"

namespace flow::tools {
namespace {

constexpr std::uint64_t most_bytes = std::uint64_t{1} << 30U;

std::uint64_t random_seed() {
  std::random_device device;
  return device();
}

}  // namespace

stress_options parse_stress_options(int argc, char** argv) {
  stress_options o;
  o.seed = random_seed();
  auto& limits = o.limits;
  command_line line(
      "ADDRESS",
      "Send random bytes to an echo at ADDRESS over many connections and check every byte that "
      "comes back, or act as that echo."
      "\v"
      "ADDRESS is as for hvcat; hvcat --listen --keep --echo is also an echo. The seed "
      "determines everything random; it is printed, and --seed repeats a run.\n\n"
      "Exit status: 0 every conversation was correct, 1 at least one was not, 2 invalid command "
      "line, 130 interrupted.");
  line.add_flag('l', "listen", "Act as the echo until interrupted", o.listen);
  line.add('i', "iterations", "N", "Conversations in sequence, for each of the parallel ones (100)",
           number_value(o.iterations, 1, UINT64_MAX));
  line.add('p', "parallel", "N", "Parallel connections (1)", number_value(o.parallel, 1, 100'000));
  line.add('L', "max-length", "BYTES", "Longest conversation (64k)",
           number_value(limits.max_length, 0, UINT64_MAX >> 1U));
  line.add('m', "min-length", "BYTES", "Shortest conversation (0)",
           number_value(limits.min_length, 0, UINT64_MAX >> 1U));
  line.add('B', "max-buffer", "BYTES", "Largest single read and write (16k)",
           number_value(limits.max_buffer, 1, most_bytes));
  line.add('b', "min-buffer", "BYTES", "Smallest single read and write (16k)",
           number_value(limits.min_buffer, 1, most_bytes));
  line.add_flag('a', "alternate", "Read and write 4 bytes and 4096 bytes alternately", o.alternate);
  line.add('I', "inject", "PERCENT",
           "Close or drop this share of the conversations in the middle; the echo must survive",
           number_value(limits.inject_percent, 0, 100));
  line.add('s', "seed", "N", "Repeat the run with this seed", number_value(o.seed, 0, UINT64_MAX));
  line.add('w', "wait", "SECONDS", "Wait between conversations", seconds_value(o.pause));
  line.add('t', "timeout", "SECONDS", "Fail a conversation that lasts longer (60)",
           seconds_value(o.timeout));
  line.add_flag('e', "exit-on-error", "Stop after the first failure", o.exit_on_error);
  line.add_flag('j', "json", "Report in JSON", o.json);
  line.add_flag('v', "verbose", "Log each conversation with its checksums", o.verbose);
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
  limits.min_buffer = std::min(limits.min_buffer, limits.max_buffer);
  if (limits.min_length > limits.max_length) {
    command_line::fail("--min-length is more than --max-length");
  }
  return o;
}

}  // namespace flow::tools
