#include "shim/rootfs/guest_disk.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace shim {

flow::result<disk> open_disk(const disk_source& source) {
  const int mode = source.read_only ? O_RDONLY : O_RDWR;
  // Non-blocking, because the path may name a FIFO.
  flow::unique_fd file(::open(source.path.c_str(), mode | O_CLOEXEC | O_NONBLOCK));
  if (!file) {
    return flow::system_error("open " + source.path);
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) {
    return flow::system_error("stat " + source.path);
  }
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
    return flow::error(flow::errc::invalid_argument,
                       source.path + " is neither a file nor a block device");
  }
  ::fcntl(file.get(), F_SETFL, ::fcntl(file.get(), F_GETFL) & ~O_NONBLOCK);
  disk opened;
  opened.serial = source.serial;
  opened.file = std::move(file);
  opened.block_device = S_ISBLK(status.st_mode);
  opened.read_only = source.read_only;
  return opened;
}

}  // namespace shim
