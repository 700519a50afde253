#include "shim/io/stdio_uri.hpp"

namespace shim {

stdio_uri parse_stdio_uri(std::string_view uri) {
  if (uri.empty()) {
    return {};
  }
  const auto separator = uri.find("://");
  if (separator == std::string_view::npos) {
    return {stdio_uri::kind::path, {}, uri};
  }
  const auto scheme = uri.substr(0, separator);
  const auto path = uri.substr(separator + 3);
  if (scheme == "fifo") {
    return {stdio_uri::kind::path, scheme, path};
  }
  if (scheme == "file") {
    return {stdio_uri::kind::file, scheme, path};
  }
  return {stdio_uri::kind::unknown, scheme, path};
}

}  // namespace shim
