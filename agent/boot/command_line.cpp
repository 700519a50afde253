#include "agent/boot/command_line.hpp"

#include <algorithm>
#include <string>

#include "flow/system/number.hpp"
#include "runtime_api/guest/contract.hpp"

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
  return {errc::invalid_argument, "kernel command line: invalid parameter " + std::string(word)};
}

}  // namespace

flow::result<command_line> parse_command_line(std::string_view text) {
  command_line parsed;
  while (!text.empty()) {
    const auto word = take_word(text);
    constexpr std::string_view port = guest_contract::port_parameter;
    if (word.starts_with(port)) {
      const auto number = flow::parse_number<std::uint32_t>(word.substr(port.size()), 1);
      if (!number) {
        return wrong(word);
      }
      parsed.port = *number;
    } else if (word == guest_contract::probe_parameter) {
      parsed.probe = true;
    } else if (word == guest_contract::debug_parameter) {
      parsed.debug = true;
    } else if (word.starts_with(guest_contract::parameter_prefix)) {
      return wrong(word);
    }
  }
  if (parsed.port == 0 && !parsed.probe) {
    return error(errc::invalid_argument, std::string("kernel command line: ") +
                                             guest_contract::port_parameter + " is missing");
  }
  return parsed;
}

}  // namespace agent
