#include "shim/vm/helpers/virtiofsd.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include "flow/system/unix_address.hpp"

namespace shim {

using flow::result;
using flow::system_error;
using flow::unique_fd;

namespace {

struct connected_pair {
  unique_fd listener;
  unique_fd connection;
};

// virtiofsd accepts its one connection from a listening socket that it is given. It is made and
// connected here, without leaving a name in the file system or the abstract namespace behind.
result<connected_pair> listen_and_connect(const std::filesystem::path& directory) {
  const std::string path = directory.string() + ".socket";
  const auto address = flow::to_unix_address(path);
  if (!address) {
    return address.error().in("state directory");
  }

  connected_pair pair{unique_fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
                      unique_fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  if (!pair.listener || !pair.connection) {
    return system_error("virtiofsd socket");
  }
  if (::bind(pair.listener.get(), flow::generic(*address), sizeof(*address)) != 0) {
    return system_error("bind " + path);
  }
  const bool connected =
      ::listen(pair.listener.get(), 1) == 0 &&
      ::connect(pair.connection.get(), flow::generic(*address), sizeof(*address)) == 0;
  const int saved = errno;
  ::unlink(path.c_str());
  if (!connected) {
    return system_error(saved, "connect " + path);
  }
  return pair;
}

// A comma would end the option.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == ',' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out;
}

}  // namespace

result<virtiofsd> start_virtiofsd(const helper_context& context,
                                  const std::filesystem::path& program,
                                  const std::filesystem::path& directory) {
  auto pair = listen_and_connect(directory);
  if (!pair) {
    return std::move(pair).error();
  }
  flow::command c;
  c.argv = {program.string(), "--fd=3", "-f", "-o",
            // chroot: mounts we make below the directory later must be seen. xattr: file
            // capabilities. announce_submounts: each mount below keeps its own device number, as
            // its inode numbers are its own.
            "source=" + escaped(directory.string()) +
                ",sandbox=chroot,cache=auto,xattr,announce_submounts,log_level=warn"};
  c.descriptors = {{pair.value().listener.get(), 3}};
  auto process = helper_process::start(context, std::move(c), "virtiofsd");
  if (!process) {
    return std::move(process).error();
  }
  return virtiofsd{std::move(process.value()), std::move(pair.value().connection)};
}

}  // namespace shim
