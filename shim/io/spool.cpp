#include "shim/io/spool.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>

#include "flow/system/retry_interrupted.hpp"

namespace shim {

using flow::result;
using flow::system_error;

std::span<char> spool::prepare() {
  assert(empty() && "prepare() would overtake what is there");
  buffer_.resize(buffer_size);
  begin_ = end_ = 0;
  return buffer_;
}

void spool::commit(std::size_t n) {
  end_ += n;
  size_ += n;
}

result<void> spool::push(std::span<const char> data) {
  if (empty() && data.size() <= buffer_size) {
    std::copy(data.begin(), data.end(), prepare().begin());
    commit(data.size());
    return {};
  }
  if (!file_) {
    file_.reset(::memfd_create("hvsock-spool", MFD_CLOEXEC));
    if (!file_) {
      return system_error("spool: memfd_create");
    }
  }
  std::size_t done = 0;
  while (done < data.size()) {
    const auto n = flow::retry_interrupted([&] {
      return ::pwrite(file_.get(), data.data() + done, data.size() - done,
                      static_cast<off_t>(file_end_ + done));
    });
    if (n < 0) {
      return system_error("spool: write");
    }
    done += static_cast<std::size_t>(n);
  }
  file_end_ += done;
  size_ += done;
  return {};
}

result<std::span<const char>> spool::front() {
  if (begin_ == end_ && file_begin_ != file_end_) {
    if (auto filled = refill(); !filled) {
      return std::move(filled).error();
    }
  }
  return std::span<const char>(buffer_.data() + begin_, end_ - begin_);
}

result<void> spool::refill() {
  buffer_.resize(buffer_size);
  const auto want = std::min<std::uint64_t>(buffer_size, file_end_ - file_begin_);
  const auto n = flow::retry_interrupted(
      [&] { return ::pread(file_.get(), buffer_.data(), want, static_cast<off_t>(file_begin_)); });
  if (n <= 0) {
    return system_error("spool: read");
  }
  begin_ = 0;
  end_ = static_cast<std::size_t>(n);
  file_begin_ += end_;
  if (file_begin_ == file_end_) {
    file_.reset();
    file_begin_ = file_end_ = 0;
  }
  return {};
}

void spool::pop(std::size_t n) {
  begin_ += n;
  size_ -= n;
}

void spool::clear() {
  *this = spool();
}

}  // namespace shim
