#include "shim/options.hpp"

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
  std::string options::* member;
};

struct switch_flag {
  std::string_view name;
  options::action action;
};

constexpr value_flag value_flags[] = {
    {"namespace", &options::containerd_namespace},
    {"id", &options::id},
    {"address", &options::address},
    {"bundle", &options::bundle},
    {"socket", &options::socket},
};

// Legacy, for shims that publish events by running a program, or serve profiles.
constexpr std::string_view ignored_value_flags[] = {"publish-binary", "debug-socket"};

constexpr switch_flag switch_flags[] = {
    {"v", options::action::version}, {"version", options::action::version},
    {"info", options::action::info}, {"h", options::action::help},
    {"help", options::action::help},
};

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

    if (name == "debug") {
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
        return take_value(name, has_value, value, &(parsed_.*flag.member));
      }
    }
    for (const auto& flag : ignored_value_flags) {
      if (flag == name) {
        return take_value(name, has_value, value, nullptr);
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
    if (word == "start") {
      parsed_.what = options::action::start;
    } else if (word == "delete") {
      parsed_.what = options::action::remove;
    } else {
      return invalid("unknown action " + word);
    }
    return {};
  }

  const std::vector<std::string>& arguments_;
  std::size_t next_ = 0;
  options parsed_;
};

}  // namespace

result<options> parse_options(const std::vector<std::string>& arguments) {
  return parser(arguments).parse();
}

}  // namespace shim
