#include "agent/boot/command_line.hpp"

#include <charconv>
#include <string>

namespace agent {

using flow::errc;
using flow::error;

flow::result<command_line> parse_command_line(std::string_view text) {
  command_line parsed;
  while (!text.empty()) {
    const auto end = text.find_first_of(" \n");
    const auto word = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);

    constexpr std::string_view port = "hvsock.port=";
    if (word.starts_with(port)) {
      const auto value = word.substr(port.size());
      const auto [rest, ec] =
          std::from_chars(value.data(), value.data() + value.size(), parsed.port);
      if (ec != std::errc() || rest != value.data() + value.size() || parsed.port == 0) {
        return error(errc::invalid_argument, "kernel command line: " + std::string(word));
      }
    } else if (word == "hvsock.probe") {
      parsed.probe = true;
    } else if (word == "hvsock.debug") {
      parsed.debug = true;
    }
  }
  if (parsed.port == 0 && !parsed.probe) {
    return error(errc::invalid_argument, "kernel command line: hvsock.port is missing");
  }
  return parsed;
}

}  // namespace agent
