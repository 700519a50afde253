// How containerd's clients name the streams of a process.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shim {

struct stdio_uri {
  enum class kind { none, path, file, binary, stream, unknown };
  kind what = kind::none;
  std::string scheme;  // as written; empty for a bare path
  std::string path;    // of a path, file or binary; the name of a stream

  // Keys and values of the query, in order; a key without a value has an empty one.
  std::vector<std::pair<std::string, std::string>> query;
};

// "" is none, "/p" and "fifo:///p" are path, "file:///p" is file, "binary:///p?k=v" and
// "binary-v2:///p?k=v" are binary, "ttrpc+unix://socket?streaming_id=name" and "stream://name" are
// stream. In a URI, as containerd's clients write it, %XX stands for a byte and a query ends the
// path; a bare path is taken as it is.
stdio_uri parse_stdio_uri(std::string_view uri);

}  // namespace shim
