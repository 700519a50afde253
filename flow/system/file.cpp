#include "flow/system/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "flow/system/retry_interrupted.hpp"
#include "flow/unique_fd.hpp"

namespace flow {

result<std::string> read_file(const std::string& path, std::size_t most) {
  const unique_fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return system_error("open " + path);
  }
  std::string text;
  std::size_t size = 0;
  for (;;) {
    // The size of a file in /proc is not known before it is read.
    if (text.size() == size) {
      text.resize(size + 4096 + size / 2);
    }
    const auto n =
        retry_interrupted([&] { return ::read(fd.get(), text.data() + size, text.size() - size); });
    if (n < 0) {
      return system_error("read " + path);
    }
    if (n == 0) {
      break;
    }
    size += static_cast<std::size_t>(n);
    if (size > most) {
      return error(errc::invalid_argument,
                   path + " is longer than " + std::to_string(most) + " bytes");
    }
  }
  text.resize(size);
  return text;
}

result<void> write_file(const std::string& path, std::string_view text) {
  const unique_fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) {
    return system_error("open " + path);
  }
  while (!text.empty()) {
    const auto n = retry_interrupted([&] { return ::write(fd.get(), text.data(), text.size()); });
    if (n < 0) {
      return system_error("write " + path);
    }
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace flow
