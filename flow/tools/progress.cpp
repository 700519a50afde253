#include "flow/tools/progress.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>

namespace flow::tools {
namespace {

using std::chrono::steady_clock;

constexpr auto interval = std::chrono::milliseconds(200);

// Moves to the beginning of the line and clears it.
constexpr const char* over = "\r\x1b[K";

}  // namespace

progress::progress(int terminal, std::uint64_t size)
    : terminal_(terminal), size_(size), begin_(steady_clock::now()), next_(begin_) {}

void progress::on_piece(asio::const_buffer piece) {
  moved_ += piece.size();
  const auto now = steady_clock::now();
  if (now >= next_) {
    next_ = now + interval;
    show(now, "");
  }
}

void progress::finish() {
  show(steady_clock::now(), "\n");
}

void progress::show(steady_clock::time_point now, const char* line_end) {
  copy_stats s;
  s.write_bytes = moved_;
  s.duration = now - begin_;
  std::string line = over + to_string(s);
  if (size_ != 0) {
    std::array<char, 16> share;
    std::snprintf(share.data(), share.size(), " (%.0f%%)",
                  100 * static_cast<double>(moved_) / static_cast<double>(size_));
    line += share.data();
  }
  line += line_end;
  // A failed write to the terminal can be ignored.
  static_cast<void>(::write(terminal_, line.data(), line.size()) < 0);
}

}  // namespace flow::tools
