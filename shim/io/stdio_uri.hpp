// How containerd's clients name the streams of a process.
#pragma once

#include <string>
#include <string_view>

namespace shim {

struct stdio_uri {
  enum class kind { none, path, file, unknown };
  kind what = kind::none;
  std::string_view scheme;  // of an unknown one
  std::string_view path;
};

// "" is none, "/p" and "fifo:///p" are path, "file:///p" is file. Borrows `uri`.
stdio_uri parse_stdio_uri(std::string_view uri);

}  // namespace shim
