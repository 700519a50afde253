#include "flow/tools/cat_options.hpp"

namespace flow::tools {

cat_options parse_cat_options(int argc, char** argv) {
  cat_options o;
  bool no_half_close = false;
  std::chrono::steady_clock::duration timeout{};
  bool has_timeout = false;
  command_line line(
      "ADDRESS",
      "Connect to ADDRESS, or listen there, and move bytes between the connection and standard "
      "input and output. The two directions end independently, and each end is passed on."
      "\v"
      "ADDRESS is vsock://CID:PORT, hvsock://MACHINE/SERVICE, hyperkit://:PORT/DIRECTORY, "
      "hybrid://PATH:PORT, unix://PATH or fd://N, optionally preceded by raw+ or framed+; "
      "see hvsock-address(7).\n\n"
      "Exit status: 0 a clean end both ways, 1 a failure, 2 invalid command line, 3 truncated, "
      "4 reset, 5 timed out, 6 protocol error, 7 the peer stopped reading early, 130 interrupted.");
  line.add_flag('l', "listen", "Listen at ADDRESS and serve one connection", o.listen);
  line.add_flag('k', "keep", "Keep listening after a connection", o.keep);
  line.add_flag('e', "echo", "Send received bytes back, instead of using standard input and output",
                o.echo);
  line.add('i', "input", "FILE", "Read FILE instead of standard input", text_value(o.input));
  line.add('o', "output", "FILE", "Write FILE instead of standard output", text_value(o.output));
  line.add_flag('N', "no-half-close", "Close when the input ends, instead of waiting for the peer",
                no_half_close);
  line.add('R', "retry", "SECONDS", "Retry connecting for this long", seconds_value(o.retry));
  line.add('t', "timeout", "SECONDS", "Abort a connection that lasts longer",
           [&](std::string_view text) {
             has_timeout = true;
             return seconds_value(timeout)(text);
           });
  line.add_flag('p', "progress",
                "Show progress, the default for a file when standard error is a terminal",
                o.show_progress);
  line.add_flag('v', "verbose", "Log events to standard error", o.verbose);
  line.add_flag(0, "local-cid", "Print the vsock context ID of this machine and exit",
                o.print_local_cid);
  o.connections.add_to(line);
  line.parse(argc, argv);

  o.half_close = !no_half_close;
  if (has_timeout) {
    o.timeout = timeout;
  }
  if (o.print_local_cid) {
    return o;
  }
  if (line.arguments().size() != 1) {
    command_line::fail("one ADDRESS is needed");
  }
  auto peer = o.connections.parse_target(line.arguments().front());
  if (!peer) {
    command_line::fail(peer.error().context());
  }
  o.peer = std::move(*peer);
  if (o.keep && !o.listen) {
    command_line::fail("--keep needs --listen");
  }
  if (o.echo && !(o.input.empty() && o.output.empty())) {
    command_line::fail("--echo does not use files");
  }
  return o;
}

}  // namespace flow::tools
