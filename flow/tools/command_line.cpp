#include "flow/tools/command_line.hpp"

#include <charconv>
#include <cstdlib>
#include <utility>

#include "flow/tools/exit_status.hpp"
#include "flow/tools/program.hpp"
#include "flow/tools/version.hpp"

namespace flow::tools {
namespace {

// Keys of options without a short form follow the characters.
constexpr int first_long_key = 0x100;

// "--version" and the exit status of a mistake are global variables of argp.
void set_up_argp() {
  argp_program_version = version_text;
  argp_err_exit_status = static_cast<int>(exit_status::usage);
}

error invalid(std::string what) {
  return {errc::invalid_argument, std::move(what)};
}

}  // namespace

command_line::command_line(const char* arguments, const char* text)
    : arguments_text_(arguments), text_(text) {}

void command_line::add(char key, const char* name, const char* value_name, const char* help,
                       setter set) {
  const int number = key != 0 ? key : first_long_key + static_cast<int>(options_.size());
  options_.push_back({name, number, value_name, 0, help, 0});
  setters_.push_back(std::move(set));
}

void command_line::add_flag(char key, const char* name, const char* help, bool& value) {
  add(key, name, nullptr, help, [&value](std::string_view) -> result<void> {
    value = true;
    return {};
  });
}

void command_line::add_heading(const char* text) {
  options_.push_back({nullptr, 0, nullptr, 0, text, 0});
  setters_.emplace_back();
}

error_t command_line::on_option(int key, char* value, argp_state* state) {
  auto& self = *static_cast<command_line*>(state->input);
  if (key == ARGP_KEY_ARG) {
    self.arguments_.emplace_back(value);
    return 0;
  }
  for (std::size_t i = 0; i < self.setters_.size(); ++i) {
    const argp_option& o = self.options_[i];
    if (o.key == key && o.name != nullptr) {
      if (const auto set = self.setters_[i](value != nullptr ? value : ""); !set) {
        argp_error(state, "--%s: %s", o.name, set.error().context().c_str());
      }
      return 0;
    }
  }
  return ARGP_ERR_UNKNOWN;
}

void command_line::parse(int argc, char** argv) {
  set_up_argp();
  auto options = options_;
  options.push_back({});
  const argp description{options.data(), on_option, arguments_text_, text_,
                         nullptr,        nullptr,   nullptr};
  argp_parse(&description, argc, argv, 0, nullptr, this);
}

void command_line::fail(const std::string& message) {
  complain(message);
  complain("try --help");
  std::exit(static_cast<int>(exit_status::usage));
}

command_line::setter text_value(std::string& value) {
  return [&value](std::string_view text) -> result<void> {
    value = text;
    return {};
  };
}

command_line::setter seconds_value(std::chrono::steady_clock::duration& value) {
  return [&value](std::string_view text) -> result<void> {
    constexpr double most = 1e9;
    double seconds = 0;
    const auto r = std::from_chars(text.data(), text.data() + text.size(), seconds);
    const bool whole = r.ec == std::errc() && r.ptr == text.data() + text.size();
    if (!whole || !(seconds >= 0 && seconds <= most)) {
      return invalid("\"" + std::string(text) + "\" is not a number of seconds");
    }
    value = std::chrono::duration_cast<std::chrono::steady_clock::duration>(
        std::chrono::duration<double>(seconds));
    return {};
  };
}

result<std::uint64_t> parse_count(std::string_view text, std::uint64_t least, std::uint64_t most) {
  const auto complain = [&] {
    return invalid("\"" + std::string(text) + "\" is not a number from " + std::to_string(least) +
                   " to " + std::to_string(most));
  };
  std::uint64_t value = 0;
  const auto r = std::from_chars(text.data(), text.data() + text.size(), value);
  if (r.ec != std::errc()) {
    return complain();
  }
  constexpr std::string_view suffixes = "kMG";
  const auto rest = text.substr(static_cast<std::size_t>(r.ptr - text.data()));
  unsigned shift = 0;
  if (!rest.empty()) {
    const auto suffix = suffixes.find(rest.front());
    if (suffix == std::string_view::npos || rest.size() != 1) {
      return complain();
    }
    shift = 10 * static_cast<unsigned>(suffix + 1);
  }
  if (value > most >> shift || value << shift < least) {
    return complain();
  }
  return value << shift;
}

}  // namespace flow::tools
