#include "flow/system/unix_address.hpp"

#include <cerrno>
#include <cstring>

namespace flow {

result<sockaddr_un> to_unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  constexpr std::size_t longest = sizeof(address.sun_path) - 1;  // one byte remains 0
  if (path.empty() || path.find('\0') != std::string::npos) {
    return error(errc::invalid_argument, "unix socket: the path is empty or has a zero byte");
  }
  if (path.size() > longest) {
    return system_error(ENAMETOOLONG, "unix socket " + path + ": " + std::to_string(path.size()) +
                                          " bytes, at most " + std::to_string(longest) + " fit");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

}  // namespace flow
