#include "shim/io/stdio_uri.hpp"

#include <charconv>

namespace shim {
namespace {

std::string decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    const auto* const digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

stdio_uri parse_stdio_uri(std::string_view uri) {
  if (uri.empty()) {
    return {};
  }
  const auto separator = uri.find("://");
  if (uri.starts_with('/') || separator == std::string_view::npos) {
    return {stdio_uri::kind::path, {}, std::string(uri)};
  }
  const auto scheme = uri.substr(0, separator);
  const auto path = uri.substr(separator + 3);
  if (scheme == "fifo") {
    return {stdio_uri::kind::path, {}, decode(path.substr(0, path.find('?')))};
  }
  if (scheme == "file") {
    return {stdio_uri::kind::file, {}, decode(path.substr(0, path.find('?')))};
  }
  return {stdio_uri::kind::unknown, std::string(scheme), {}};
}

}  // namespace shim
