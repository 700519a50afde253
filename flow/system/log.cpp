#include "flow/system/log.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>

namespace flow {
namespace {

// A pipe accepts up to this many bytes atomically (PIPE_BUF); longer lines are cut so that two
// writers of one FIFO never mix.
constexpr std::size_t max_line = 4096;

std::string_view name(log::level l) {
  switch (l) {
    case log::level::debug:
      return "debug";
    case log::level::info:
      return "info";
    case log::level::warning:
      return "warning";
    case log::level::error:
      return "error";
  }
  return "unknown";
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._/@^+:,").find(c) != std::string_view::npos;
}

std::string timestamp() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  ::gmtime_r(&now.tv_sec, &parts);
  std::array<char, 64> text{};
  const int n = std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ",
                              parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                              parts.tm_min, parts.tm_sec, now.tv_nsec);
  return {text.data(), static_cast<std::size_t>(n)};
}

// Quotes and escapes anything but plain printable characters.
void append_quoted(std::string& out, std::string_view text) {
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) {
    out += text;
    return;
  }
  constexpr std::string_view hex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += "\\x";
      out += hex[byte >> 4U];
      out += hex[byte & 0xfU];
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace

void log::write(level l, std::string_view message, fields f) {
  if (l < least_) {
    return;
  }
  std::string line;
  line.reserve(256);
  line += "time=\"";
  line += timestamp();
  line += "\" level=";
  line += name(l);
  line += " msg=";
  append_quoted(line, message);
  const auto append = [&line](const field& one) {
    line += ' ';
    line += one.key;
    line += '=';
    append_quoted(line, one.value);
  };
  for (const auto& one : f) {
    append(one);
  }
  if (dropped_ != 0) {
    append({"dropped", dropped_});
  }
  if (line.size() >= max_line) {
    line.resize(max_line - 1);
  }
  line += '\n';
  if (::write(fd_, line.data(), line.size()) == static_cast<ssize_t>(line.size())) {
    dropped_ = 0;
  } else {
    ++dropped_;
  }
}

}  // namespace flow
