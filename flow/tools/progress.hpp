// The progress of a file transfer on a terminal: one line that is overwritten.
#pragma once

#include <chrono>
#include <cstdint>

#include "flow/copy.hpp"

namespace flow::tools {

class progress final : public copy_observer {
 public:
  // Writes to `terminal` a few times per second. `size`: of the file, 0 if unknown.
  progress(int terminal, std::uint64_t size);

  void on_piece(asio::const_buffer piece) override;

  // Writes the final state and ends the line.
  void finish();

 private:
  void show(std::chrono::steady_clock::time_point now, const char* line_end);

  int terminal_;
  std::uint64_t size_;
  std::uint64_t moved_ = 0;
  std::chrono::steady_clock::time_point begin_;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace flow::tools
