// hvsock-vsockd: the vhost-user vsock device (DESIGN.md).
#include <unistd.h>

#include <cstddef>
#include <exception>
#include <span>

#include "flow/device/vsockd.hpp"

int main(int argc, char** argv) {
  using flow::device::exit_code;
  flow::log log(STDERR_FILENO);
  try {
    const std::span<const char* const> arguments(argv, static_cast<std::size_t>(argc));
    const auto options = flow::device::parse_options(arguments.subspan(argc > 0 ? 1 : 0));
    if (!options) {
      log.error("invalid arguments",
                {{"err", options.error().message()}, {"help", "hvsock-vsockd --help"}});
      return static_cast<int>(exit_code::usage);
    }
    if (options->help) {
      const auto text = flow::device::usage();
      const auto n = ::write(STDOUT_FILENO, text.data(), text.size());
      return static_cast<int>(n >= 0 ? exit_code::done : exit_code::setup);
    }
    log.set_level(options->level);
    return static_cast<int>(flow::device::run_vsockd(*options, log));
  } catch (const std::exception& e) {
    log.error("unexpected failure", {{"err", e.what()}});
    return static_cast<int>(exit_code::software);
  }
}
