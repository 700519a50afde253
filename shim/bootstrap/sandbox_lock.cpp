#include "shim/bootstrap/sandbox_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

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

}  // namespace

result<std::optional<unique_fd>> lock_sandbox(const path& directory) {
  if (auto made = make_directory(directory.parent_path()); !made) { return std::move(made).error(); }
  if (auto made = make_directory(directory); !made) { return std::move(made).error(); }
  const path name = directory / lock_name;
  unique_fd file(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) { return system_error("open " + name.string()); }
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) { return std::optional<unique_fd>(); }
    return system_error("lock " + name.string());
  }
  return std::optional<unique_fd>(std::move(file));
}

void remove_sandbox_directory(const path& directory) {
  share(directory).remove();
  std::error_code ec;
  std::filesystem::remove(directory / lock_name, ec);
  std::filesystem::remove(directory, ec);
}

}  // namespace shim
