#include "agent/session/entropy.hpp"

#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "agent/limits.hpp"
#include "flow/unique_fd.hpp"

namespace agent {

flow::result<void> add_entropy(const std::string& bytes) {
  if (bytes.empty()) {
    return {};
  }
  const std::size_t size = std::min(bytes.size(), limits::entropy_bytes);

  // rand_pool_info is a header with the bytes right behind it.
  std::vector<int> storage((sizeof(rand_pool_info) + size) / sizeof(int) + 1);
  auto* pool = reinterpret_cast<rand_pool_info*>(storage.data());
  pool->entropy_count = static_cast<int>(size * 8);
  pool->buf_size = static_cast<int>(size);
  std::memcpy(pool->buf, bytes.data(), size);

  const flow::unique_fd fd(::open("/dev/urandom", O_WRONLY | O_CLOEXEC));
  if (!fd) {
    return flow::system_error("open /dev/urandom");
  }
  if (::ioctl(fd.get(), RNDADDENTROPY, pool) != 0) {
    return flow::system_error("add entropy");
  }
  return {};
}

}  // namespace agent
