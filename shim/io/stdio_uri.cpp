#include "shim/io/stdio_uri.hpp"

#include <algorithm>
#include <charconv>

#include "flow/system/split.hpp"

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

// As in HTML forms, which is what Go's url.Values writes: '+' is a blank here, unlike in a path.
std::string decode_query(std::string_view text) {
  std::string blanks(text);
  std::replace(blanks.begin(), blanks.end(), '+', ' ');
  return decode(blanks);
}

std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    auto value = flow::split_front(query, '&');
    if (!value.empty()) {
      const auto key = flow::split_front(value, '=');
      pairs.emplace_back(decode_query(key), decode_query(value));
    }
  }
  return pairs;
}

stdio_uri::kind kind_of(std::string_view scheme) {
  if (scheme == "fifo") {
    return stdio_uri::kind::path;
  }
  if (scheme == "file") {
    return stdio_uri::kind::file;
  }
  if (scheme == "binary" || scheme == "binary-v2") {
    return stdio_uri::kind::binary;
  }
  if (scheme == "stream" || scheme == "ttrpc+unix") {
    return stdio_uri::kind::stream;
  }
  return stdio_uri::kind::unknown;
}

}  // namespace

stdio_uri parse_stdio_uri(std::string_view uri) {
  stdio_uri parsed;
  if (uri.empty()) {
    return parsed;
  }
  const auto separator = uri.find("://");
  if (uri.starts_with('/') || separator == std::string_view::npos) {
    parsed.what = stdio_uri::kind::path;
    parsed.path = uri;
    return parsed;
  }
  parsed.scheme = uri.substr(0, separator);
  parsed.what = kind_of(parsed.scheme);
  const auto rest = uri.substr(separator + 3);
  const auto path = rest.substr(0, rest.find('?'));
  parsed.path = decode(path);
  parsed.query = parse_query(rest.substr(std::min(path.size() + 1, rest.size())));
  const auto name = std::find_if(parsed.query.begin(), parsed.query.end(),
                                 [](const auto& pair) { return pair.first == "streaming_id"; });
  if (parsed.what == stdio_uri::kind::stream && name != parsed.query.end()) {
    parsed.path = name->second;
  } else if (parsed.scheme == "ttrpc+unix") {
    parsed.path.clear();  // the socket's name is not the stream's
  }
  return parsed;
}

}  // namespace shim
