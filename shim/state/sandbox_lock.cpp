#include "shim/state/sandbox_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "shim/rootfs/share.hpp"

namespace shim {

using flow::result;
using flow::system_error;
using flow::unique_fd;
using std::filesystem::path;

namespace {

constexpr const char* lock_name = "lock";

result<void> make_directory(const path& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return system_error("create " + directory.string());
  }
  return {};
}

// Nullopt if another process holds the lock, or has just removed the file.
result<std::optional<unique_fd>> try_lock(const path& directory, int create) {
  const path name = directory / lock_name;
  unique_fd file(::open(name.c_str(), O_RDWR | O_CLOEXEC | create, 0600));
  if (!file) {
    if (errno == ENOENT && create != 0) {
      return std::optional<unique_fd>();
    }
    return system_error("open " + name.string());
  }
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return std::optional<unique_fd>();
    }
    return system_error("lock " + name.string());
  }
  // The previous holder may have removed the file before we got the lock, which is then worthless.
  struct stat ours{};
  struct stat named{};
  if (::fstat(file.get(), &ours) != 0 || ::stat(name.c_str(), &named) != 0 ||
      ours.st_ino != named.st_ino) {
    return std::optional<unique_fd>();
  }
  return std::optional<unique_fd>(std::move(file));
}

template <class Try>
result<std::optional<unique_fd>> try_for(std::chrono::milliseconds wait, Try attempt) {
  const auto limit = std::chrono::steady_clock::now() + wait;
  for (;;) {
    auto locked = attempt();
    if (!locked || locked.value() || std::chrono::steady_clock::now() >= limit) {
      return locked;
    }
    ::usleep(5000);
  }
}

}  // namespace

result<std::optional<unique_fd>> lock_sandbox(const path& directory,
                                              std::chrono::milliseconds wait) {
  return try_for(wait, [&]() -> result<std::optional<unique_fd>> {
    if (auto made = make_directory(directory.parent_path()); !made) {
      return std::move(made).error();
    }
    if (auto made = make_directory(directory); !made) {
      return std::move(made).error();
    }
    return try_lock(directory, O_CREAT);
  });
}

result<std::optional<unique_fd>> lock_left_sandbox(const path& directory,
                                                   std::chrono::milliseconds wait) {
  return try_for(wait, [&] { return try_lock(directory, 0); });
}

void remove_sandbox_directory(const path& directory) {
  share(directory).remove();
  std::error_code ec;
  std::filesystem::remove(directory / lock_name, ec);
  std::filesystem::remove(directory, ec);
}

}  // namespace shim
