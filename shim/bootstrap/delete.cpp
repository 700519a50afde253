#include "shim/bootstrap/delete.hpp"

#include <unistd.h>

#include <csignal>

#include "flow/system/file.hpp"
#include "flow/system/number.hpp"
#include "shim/config/config.hpp"
#include "shim/config/limits.hpp"
#include "shim/oci/runtime_options.hpp"
#include "shim/rootfs/mount.hpp"
#include "shim/state/paths.hpp"
#include "shim/state/program_path.hpp"
#include "shim/state/sandbox_lock.hpp"
#include "shim/support/timestamp.hpp"

namespace shim {

using flow::result;
using std::filesystem::path;

result<containerd::task::v2::DeleteResponse> clean_up(const options& o) {
  const path bundle = o.bundle.empty() ? std::filesystem::current_path() : path(o.bundle);
  const auto c = load_config(program_path(), kept_config_path(bundle));
  if (!c) {
    return c.error();
  }
  const auto group = group_of(bundle, o.id);
  const auto directory = sandbox_directory(c.value(), o, group);
  // The kernel has ended the virtual machine's processes along with their shim. A shim that is
  // still alive cleans up itself.
  const auto lock = lock_left_sandbox(directory, limits::lock_dead_sandbox);
  if (!lock || lock.value()) {
    if (const auto socket = kept_socket_path(bundle); !socket.empty()) {
      ::unlink(socket.c_str());
    }
    remove_sandbox_directory(directory);
    unmount_below(bundle / "rootfs");
  }

  containerd::task::v2::DeleteResponse response;
  if (const auto pid = flow::read_file(bundle / "init.pid"); pid) {
    response.set_pid(flow::parse_number<std::uint32_t>(*pid).value_or(0));
  }
  response.set_exit_status(128 + SIGKILL);
  *response.mutable_exited_at() = timestamp_now();
  return response;
}

}  // namespace shim
