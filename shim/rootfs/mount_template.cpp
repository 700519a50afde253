#include "shim/rootfs/mount_template.hpp"

#include <string_view>

#include "flow/system/number.hpp"

namespace shim {

using flow::errc;
using flow::error;
using flow::result;

namespace {

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) {
      break;
    }
    text.remove_prefix(begin);
    words.push_back(text.substr(0, text.find_first_of(" \t")));
    text.remove_prefix(words.back().size());
  }
  return words;
}

// -1 if it is not the number of a mount.
int index_of(std::string_view word, std::size_t mounts) {
  return flow::parse_number<int>(word, 0, static_cast<int>(mounts) - 1).value_or(-1);
}

std::string points_between(const std::vector<made_mount>& made, int first, int last) {
  const int step = first <= last ? 1 : -1;
  std::string points;
  for (int i = first;; i += step) {
    points += made.at(static_cast<std::size_t>(i)).point;
    if (i == last) {
      return points;
    }
    points += ':';
  }
}

// The value of the expression between the braces; empty if it has none.
std::string value_of(std::string_view expression, const std::vector<made_mount>& made) {
  const auto words = words_of(expression);
  if (words.size() < 2) {
    return {};
  }
  const int first = index_of(words[1], made.size());
  if (first < 0) {
    return {};
  }
  if (words.size() == 2 && words[0] == "mount") {
    return made.at(static_cast<std::size_t>(first)).point;
  }
  if (words.size() == 2 && words[0] == "source") {
    return made.at(static_cast<std::size_t>(first)).source;
  }
  if (words.size() == 3 && words[0] == "overlay") {
    const int last = index_of(words[2], made.size());
    return last < 0 ? std::string() : points_between(made, first, last);
  }
  return {};
}

}  // namespace

result<std::string> expand_mount_template(const std::string& text,
                                          const std::vector<made_mount>& made) {
  std::string out;
  std::string_view rest = text;
  for (;;) {
    const auto open = rest.find("{{");
    out += rest.substr(0, open);
    if (open == std::string_view::npos) {
      return out;
    }
    rest.remove_prefix(open);
    const auto close = rest.find("}}");
    const auto value =
        close == std::string_view::npos ? std::string() : value_of(rest.substr(2, close - 2), made);
    if (value.empty()) {
      return error(errc::invalid_argument, "mount: cannot expand " + text);
    }
    out += value;
    rest.remove_prefix(close + 2);
  }
}

}  // namespace shim
