#include "shim/bootstrap/start.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "flow/file.hpp"
#include "flow/spawn.hpp"
#include "flow/unique_fd.hpp"
#include "shim/bootstrap/paths.hpp"
#include "shim/bootstrap/runtime_options.hpp"
#include "shim/bootstrap/sandbox_lock.hpp"
#include "shim/config.hpp"

namespace shim {

using flow::error;
using flow::result;
using flow::system_error;
using flow::unique_fd;

namespace {

// The shim itself finds its listening socket here.
constexpr int listening_descriptor = 3;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof(address.sun_path) - 1));
  return address;
}

bool somebody_listens(const std::string& path) {
  const unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto address = address_of(path);
  // A full backlog (EAGAIN) is also somebody.
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
         errno == EAGAIN;
}

// Nothing if another shim listens there.
result<std::optional<unique_fd>> listen_at(const std::filesystem::path& path) {
  std::error_code ec;
  std::filesystem::create_directories(path.parent_path().parent_path(), ec);
  if (::mkdir(path.parent_path().c_str(), 0700) != 0 && errno != EEXIST) {
    return system_error("create " + path.parent_path().string());
  }
  unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) {
    return system_error("socket");
  }
  const auto address = address_of(path);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  const mode_t before = ::umask(0177);
  int bound = ::bind(fd.get(), generic, sizeof(address));
  if (bound != 0 && errno == EADDRINUSE) {
    if (somebody_listens(path)) {
      ::umask(before);
      return std::optional<unique_fd>();
    }
    ::unlink(path.c_str());
    bound = ::bind(fd.get(), generic, sizeof(address));
  }
  ::umask(before);
  if (bound != 0) {
    return system_error("bind " + path.string());
  }
  if (::listen(fd.get(), SOMAXCONN) != 0) {
    return system_error("listen at " + path.string());
  }
  return std::optional<unique_fd>(std::move(fd));
}

// One more than containerd's own: under memory pressure a shim goes before containerd does.
std::optional<int> oom_score_adj() {
  constexpr int most = 1000;
  const auto text = flow::read_file("/proc/" + std::to_string(::getppid()) + "/oom_score_adj");
  if (!text) {
    return {};
  }
  return std::min(std::atoi(text.value().c_str()) + 1, most);
}

// What is wrong with the state directory can be said here; the shim itself has nobody to tell.
result<void> prepare_directory(const std::filesystem::path& directory) {
  const auto lock = lock_sandbox(directory, std::chrono::milliseconds(0));
  if (!lock) {
    return lock.error();
  }
  return {};
}

result<void> start_daemon(const options& o, const unique_fd& listening) {
  flow::command c;
  c.argv = {program_path(), "-namespace", o.containerd_namespace, "-id", o.id,
            "-address",     o.address};
  if (o.debug) {
    c.argv.emplace_back("-debug");
  }
  c.descriptors = {{listening.get(), listening_descriptor}};
  c.new_session = true;
  c.oom_score_adj = oom_score_adj();
  if (const auto pid = flow::spawn(c); !pid) {
    return pid.error();
  }
  return {};
}

}  // namespace

std::string program_path() {
  std::error_code ec;
  return std::filesystem::read_symlink("/proc/self/exe", ec).string();
}

result<std::string> start(const options& o) {
  const auto input = read_stdin();
  if (!input) {
    return input.error();
  }
  const auto given = parse_runtime_options(input.value(), o);
  if (!given) {
    return given.error();
  }
  if (auto kept = keep_config_path(".", given.value().config_path); !kept) {
    return std::move(kept).error();
  }
  const auto c = load_config(program_path(), given.value().config_path);
  if (!c) {
    return c.error();
  }
  if (auto found = check_files(c.value()); !found) {
    return std::move(found).error();
  }

  const auto group = group_of(".", o.id);
  const auto path = socket_path(o, group);
  const std::string address = "unix://" + path.string();
  auto listening = listen_at(path);
  if (!listening) {
    return std::move(listening).error();
  }
  // Older containerds find the shim by this file after a restart.
  if (auto written = flow::write_file("address", address); !written) {
    return std::move(written).error();
  }
  if (!listening.value()) {
    return address;
  }
  auto started = prepare_directory(sandbox_directory(c.value(), o, group));
  if (started) {
    started = start_daemon(o, *listening.value());
  }
  if (!started) {
    ::unlink(path.c_str());
    return std::move(started).error();
  }
  return address;
}

}  // namespace shim
