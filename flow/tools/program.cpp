#include "flow/tools/program.hpp"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <csignal>

#include "flow/task_group.hpp"

namespace flow::tools {
namespace {

// Otherwise the first socket could become standard output.
void open_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) {
      ::open("/dev/null", O_RDWR);  // the lowest free number
    }
  }
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno != EINTR) {
      return false;
    }
    text.remove_prefix(n < 0 ? 0 : static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

int run(const std::function<awaitable<exit_status>(asio::any_io_executor)>& body) {
  open_standard_descriptors();
  std::signal(SIGPIPE, SIG_IGN);
  asio::io_context context(1);
  exit_status status = exit_status::failure;
  std::exception_ptr bug;
  asio::co_spawn(context, body(context.get_executor()), [&](std::exception_ptr e, exit_status s) {
    bug = std::move(e);
    status = s;
    context.stop();
  });
  context.run();
  if (bug) {
    complain("unexpected failure: " + describe(bug));
    return static_cast<int>(exit_status::failure);
  }
  return static_cast<int>(status);
}

void complain(std::string_view message) {
  std::string line = program_invocation_short_name;
  line += ": ";
  line += message;
  line += '\n';
  write_all(STDERR_FILENO, line);
}

bool print(std::string_view text) {
  return write_all(STDOUT_FILENO, text);
}

}  // namespace flow::tools
