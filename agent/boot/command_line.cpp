#include "agent/boot/command_line.hpp"

#include <algorithm>
#include <string>

#include "flow/system/number.hpp"

namespace agent {

using flow::errc;
using flow::error;

namespace {

// Takes the first word from `text`, and the separator behind it. As for the kernel, spaces inside
// double quotes do not separate.
std::string_view take_word(std::string_view& text) {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    const char c = text[end];
    if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == ' ' || c == '\t' || c == '\n')) {
      break;
    }
  }
  const auto word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

error wrong(std::string_view word) {
  return {errc::invalid_argument, "kernel command line: " + std::string(word)};
}

}  // namespace

flow::result<command_line> parse_command_line(std::string_view text) {
  command_line parsed;
  while (!text.empty()) {
    const auto word = take_word(text);
    constexpr std::string_view port = "hvsock.port=";
    if (word.starts_with(port)) {
      const auto number = flow::parse_number<std::uint32_t>(word.substr(port.size()), 1);
      if (!number) {
        return wrong(word);
      }
      parsed.port = *number;
    } else if (word == "hvsock.probe") {
      parsed.probe = true;
    } else if (word == "hvsock.debug") {
      parsed.debug = true;
    } else if (word.starts_with("hvsock.")) {
      return wrong(word);
    }
  }
  if (parsed.port == 0 && !parsed.probe) {
    return error(errc::invalid_argument, "kernel command line: hvsock.port is missing");
  }
  return parsed;
}

}  // namespace agent
