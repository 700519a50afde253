// containerd-shim-hvsock-v2: containerd's runtime v2 shim for containers in virtual machines.
#include <google/protobuf/stubs/logging.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "shim/bootstrap/delete.hpp"
#include "shim/bootstrap/info.hpp"
#include "shim/bootstrap/serve.hpp"
#include "shim/bootstrap/start.hpp"
#include "shim/bootstrap/start_input.hpp"
#include "shim/options.hpp"
#include "shim/state/program_path.hpp"

namespace {

int print(int fd, const std::string& text) {
  return ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1;
}

int fail(const flow::error& e) {
  print(STDERR_FILENO, "containerd-shim-hvsock-v2: " + e.message() + "\n");
  return 1;
}

int run(const shim::options& o) {
  switch (o.what) {
    case shim::options::action::start: {
      const auto address = shim::start(o);
      return address ? print(STDOUT_FILENO, address.value()) : fail(address.error());
    }
    case shim::options::action::remove: {
      const auto response = shim::clean_up(o);
      return response ? print(STDOUT_FILENO, response.value().SerializeAsString())
                      : fail(response.error());
    }
    case shim::options::action::serve: {
      const auto status = shim::serve(o);
      return status ? status.value() : fail(status.error());
    }
    case shim::options::action::info: {
      const auto input = shim::read_stdin();
      const auto c = shim::load_config(shim::program_path(), {});
      if (!c) {
        return fail(c.error());
      }
      const auto info = shim::runtime_info(input ? input.value() : std::string(), c.value());
      return print(STDOUT_FILENO, info.SerializeAsString());
    }
    case shim::options::action::version:
      return print(STDOUT_FILENO, "containerd-shim-hvsock-v2 " HVSOCK_VERSION "\n");
    case shim::options::action::help:
      return print(STDOUT_FILENO, shim::help_text());
  }
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  // protobuf would log parse errors to standard error, which for `start` is part of the answer to
  // containerd 1.x.
  google::protobuf::SetLogHandler(nullptr);
  const auto options = shim::parse_options({argv + 1, argv + argc});
  return options ? run(options.value()) : fail(options.error());
}
