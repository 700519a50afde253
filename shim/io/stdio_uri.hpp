// How containerd's clients name the streams of a process.
#pragma once

#include <string>
#include <string_view>

namespace shim {

struct stdio_uri {
  enum class kind { none, path, file, unknown };
  kind what = kind::none;
  std::string scheme;  // of an unknown one
  std::string path;    // of a path or file
};

// "" is none, "/p" and "fifo:///p" are path, "file:///p" is file. In a URI, as containerd's clients
// write it, %XX stands for a byte and a query ends the path; a bare path is taken as it is.
stdio_uri parse_stdio_uri(std::string_view uri);

}  // namespace shim
