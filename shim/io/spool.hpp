// Bytes in order on their way to a slow reader: a buffer in memory, and behind it an anonymous file
// that takes what the buffer does not.
//
// Thread rule: none of its own. Ranges returned are valid until the next call that is not const.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "flow/error.hpp"
#include "flow/unique_fd.hpp"
#include "shim/config/limits.hpp"

namespace shim {

class spool {
 public:
  // How much is held in memory.
  static constexpr std::size_t buffer_size = limits::transfer_buffer;

  bool empty() const noexcept { return size_ == 0; }
  std::uint64_t size() const noexcept { return size_; }

  // Space to read into directly; only while the spool is empty. What was read is then committed.
  std::span<char> prepare();
  void commit(std::size_t n);

  // Appends; the file is made when it is first needed. On an error nothing was appended.
  flow::result<void> push(std::span<const char> data);

  // The oldest bytes, as many as are in memory; at least one unless the spool is empty.
  flow::result<std::span<const char>> front();
  void pop(std::size_t n);

  void clear();

 private:
  flow::result<void> refill();

  std::vector<char> buffer_;  // bytes [begin_, end_)
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  flow::unique_fd file_;  // bytes [file_begin_, file_end_), all younger than the buffer's
  std::uint64_t file_begin_ = 0;
  std::uint64_t file_end_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace shim
