#include "shim/options.hpp"

#include <algorithm>
#include <string_view>

namespace shim {

using flow::errc;
using flow::error;
using flow::result;

namespace {

error invalid(const std::string& what) {
  return {errc::invalid_argument, what};
}

struct value_flag {
  std::string_view name;
  std::string options::* member;  // nullptr: accepted and ignored
  std::string_view help;
};

struct switch_flag {
  std::string_view name;
  options::action action;
  std::string_view help;
};

struct action_word {
  std::string_view name;
  options::action action;
  std::string_view help;
};

constexpr value_flag value_flags[] = {
    {"namespace", &options::containerd_namespace, "containerd's namespace of the container"},
    {"id", &options::id, "the container's id"},
    {"address", &options::address, "containerd's socket; a part of the socket's name"},
    {"bundle", &options::bundle, "for delete: the bundle, if it is not the current directory"},
    {"socket", &options::socket, "serve at this path instead of on descriptor 3"},
    // For shims that publish events by running a program, or that serve profiles.
    {"publish-binary", nullptr, "accepted and ignored"},
    {"debug-socket", nullptr, "accepted and ignored"},
};

constexpr std::string_view debug_flag = "debug";
constexpr std::string_view debug_help = "log at debug level, as [shim] debug does";

constexpr switch_flag switch_flags[] = {
    {"v", options::action::version, "print the version"},
    {"version", options::action::version, "print the version"},
    {"info", options::action::info, "print what containerd asks about a runtime (protobuf)"},
    {"h", options::action::help, "print this text"},
    {"help", options::action::help, "print this text"},
};

constexpr action_word action_words[] = {
    {"start", options::action::start, "start a shim for the bundle and print its address"},
    {"delete", options::action::remove, "clean up after a shim that was killed"},
};

std::string line(std::string_view name, std::string_view help) {
  constexpr std::size_t width = 24;
  std::string text = "  " + std::string(name);
  text.resize(std::max(width, text.size() + 1), ' ');
  return text + std::string(help) + "\n";
}

bool is_true(std::string_view value) {
  return value.empty() || value == "true" || value == "1";
}

class parser {
 public:
  explicit parser(const std::vector<std::string>& arguments) : arguments_(arguments) {}

  result<options> parse() {
    for (; next_ < arguments_.size(); ++next_) {
      const std::string_view word = arguments_[next_];
      if (!word.starts_with('-')) {
        break;
      }
      if (auto taken = take_flag(word); !taken) {
        return std::move(taken).error();
      }
    }
    if (auto taken = take_action(); !taken) {
      return std::move(taken).error();
    }
    const bool standalone = parsed_.what == options::action::version ||
                            parsed_.what == options::action::info ||
                            parsed_.what == options::action::help;
    if (!standalone && parsed_.containerd_namespace.empty()) {
      return invalid("shim namespace cannot be empty");
    }
    if (!standalone && parsed_.id.empty()) {
      return invalid("shim id cannot be empty");
    }
    return parsed_;
  }

 private:
  result<void> take_flag(std::string_view word) {
    word.remove_prefix(word.starts_with("--") ? 2 : 1);
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    const bool has_value = equals != std::string_view::npos;
    const auto value = has_value ? word.substr(equals + 1) : std::string_view();

    if (name == debug_flag) {
      parsed_.debug = is_true(value);
      return {};
    }
    for (const auto& flag : switch_flags) {
      if (flag.name != name) {
        continue;
      }
      if (is_true(value)) {
        parsed_.what = flag.action;
      }
      return {};
    }
    for (const auto& flag : value_flags) {
      if (flag.name == name) {
        return take_value(name, has_value, value,
                          flag.member == nullptr ? nullptr : &(parsed_.*flag.member));
      }
    }
    return invalid("unknown flag -" + std::string(name));
  }

  result<void> take_value(std::string_view name, bool has_value, std::string_view value,
                          std::string* to) {
    if (!has_value) {
      if (next_ + 1 >= arguments_.size()) {
        return invalid("flag -" + std::string(name) + " needs a value");
      }
      value = arguments_[++next_];
    }
    if (to != nullptr) {
      *to = value;
    }
    return {};
  }

  result<void> take_action() {
    if (next_ >= arguments_.size()) {
      return {};
    }
    const auto& word = arguments_[next_];
    for (const auto& known : action_words) {
      if (known.name == word) {
        parsed_.what = known.action;
        return {};
      }
    }
    return invalid("unknown action " + word);
  }

  const std::vector<std::string>& arguments_;
  std::size_t next_ = 0;
  options parsed_;
};

}  // namespace

result<options> parse_options(const std::vector<std::string>& arguments) {
  return parser(arguments).parse();
}

std::string help_text() {
  std::string text =
      "containerd-shim-hvsock-v2 is run by containerd: see containerd-shim-hvsock-v2(8).\n"
      "\n"
      "usage: containerd-shim-hvsock-v2 [flags] [action]\n"
      "\n"
      "actions (without one, the program is the shim itself, as start runs it):\n";
  for (const auto& known : action_words) {
    text += line(known.name, known.help);
  }
  text += "\nflags:\n";
  for (const auto& flag : value_flags) {
    text += line("-" + std::string(flag.name) + " VALUE", flag.help);
  }
  text += line("-" + std::string(debug_flag), debug_help);
  for (const auto& flag : switch_flags) {
    text += line("-" + std::string(flag.name), flag.help);
  }
  return text;
}

}  // namespace shim
