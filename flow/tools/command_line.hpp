// The command line of a tool: options that store their values directly, on top of GNU argp, which
// supplies --help, --usage, --version, abbreviations and the order of arguments.
#pragma once

#include <argp.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "flow/error.hpp"

namespace flow::tools {

class command_line {
 public:
  // Parses the text of a value; the message of its error is shown to the user.
  using setter = std::function<result<void>(std::string_view)>;

  // `arguments` describes the arguments after the options, "ADDRESS". `text` describes the
  // tool; the part after '\v' is shown below the options. Every text passed to this class must
  // be a literal.
  command_line(const char* arguments, const char* text);

  // `key` is the short form, 0 for none. A flag sets `value` to true.
  void add_flag(char key, const char* name, const char* help, bool& value);
  void add(char key, const char* name, const char* value_name, const char* help, setter set);

  // A heading above the options that follow.
  void add_heading(const char* text);

  // Parses the arguments. Exits the process when argp does: after --help with 0, after a mistake
  // with exit_status::usage and a message that says what to do.
  void parse(int argc, char** argv);

  // The arguments that are not options.
  const std::vector<std::string>& arguments() const noexcept { return arguments_; }

  // Exits the process as a mistake does.
  [[noreturn]] static void fail(const std::string& message);

 private:
  static error_t on_option(int key, char* value, argp_state* state);

  std::vector<argp_option> options_;
  std::vector<setter> setters_;  // of options_
  std::vector<std::string> arguments_;
  const char* arguments_text_;
  const char* text_;
};

// Setters for common kinds of value. The value must outlive the command line.
command_line::setter text_value(std::string& value);

// A whole number within the limits; the suffix 'k', 'M' or 'G' multiplies by a power of 1024.
template <class T>
command_line::setter number_value(T& value, std::uint64_t least, std::uint64_t most);

// Seconds, optionally with a fraction ("2.5").
command_line::setter seconds_value(std::chrono::steady_clock::duration& value);

result<std::uint64_t> parse_count(std::string_view text, std::uint64_t least, std::uint64_t most);

template <class T>
command_line::setter number_value(T& value, std::uint64_t least, std::uint64_t most) {
  return [&value, least, most](std::string_view text) -> result<void> {
    const auto n = parse_count(text, least, most);
    if (!n) {
      return n.error();
    }
    value = static_cast<T>(*n);
    return {};
  };
}

}  // namespace flow::tools
