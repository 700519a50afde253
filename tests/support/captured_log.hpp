// A log whose lines the test reads.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "flow/system/log.hpp"
#include "flow/unique_fd.hpp"

namespace tests {

class captured_log {
 public:
  explicit captured_log(flow::log::level least = flow::log::level::info)
      : file_(::memfd_create("log", MFD_CLOEXEC)), to(file_.get(), least) {}

  std::string text() const {
    std::string all;
    std::array<char, 4096> buffer{};
    for (;;) {
      const auto n =
          ::pread(file_.get(), buffer.data(), buffer.size(), static_cast<off_t>(all.size()));
      if (n <= 0) {
        return all;
      }
      all.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }

  // How often it says so.
  std::size_t count(std::string_view what) const {
    const std::string all = text();
    std::size_t n = 0;
    for (auto at = all.find(what); at != std::string::npos; at = all.find(what, at + 1)) {
      ++n;
    }
    return n;
  }

 private:
  flow::unique_fd file_;

 public:
  flow::log to;
};

}  // namespace tests
