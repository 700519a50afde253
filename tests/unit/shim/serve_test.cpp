// The shim proper, up to the first thing that stops it.
#include "shim/bootstrap/serve.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>

#include "flow/system/file.hpp"
#include "flow/unique_fd.hpp"
#include "tests/support/temporary_directory.hpp"

namespace {

// A bundle as `start` leaves it, with the FIFO that containerd reads the log from.
class Serve : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::mkfifo((bundle_ / "log").c_str(), 0600), 0);
    log_ = flow::unique_fd(::open((bundle_ / "log").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    ASSERT_TRUE(log_);
    before_ = std::filesystem::current_path();
    std::filesystem::current_path(bundle_.path());
  }

  void TearDown() override { std::filesystem::current_path(before_); }

  // What the shim logs with `section` as the [shim] table of its configuration. The state directory
  // cannot be made, so it ends before there is a virtual machine.
  std::string log_with(const std::string& section, bool debug_flag = false) {
    const std::string file = bundle_ / "config.toml";
    EXPECT_TRUE(flow::write_file(bundle_ / "occupied", ""));
    EXPECT_TRUE(flow::write_file(
        file, "[shim]\nstate_directory = \"" + bundle_.path() + "/occupied/x\"\n" + section));
    EXPECT_TRUE(flow::write_file(bundle_ / "hvsock-config", file));
    shim::options o;
    o.containerd_namespace = "default";
    o.id = "c1";
    o.socket = bundle_ / "socket";
    o.debug = debug_flag;
    const auto ended = shim::serve(o);
    EXPECT_FALSE(ended);
    std::filesystem::remove(bundle_ / "socket");
    return read_log();
  }

 private:
  std::string read_log() {
    std::string text;
    std::array<char, 4096> buffer{};
    for (ssize_t n = 0; (n = ::read(log_.get(), buffer.data(), buffer.size())) > 0;) {
      text.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return text;
  }

  tests::temporary_directory bundle_;
  std::filesystem::path before_;
  flow::unique_fd log_;
};

}  // namespace

TEST_F(Serve, ConfigurationWithDebugMakesTheShimLogAtDebugLevel) {
  EXPECT_NE(log_with("debug = true\n").find("level=debug"), std::string::npos);
}

TEST_F(Serve, WithoutDebugTheShimLogsNoLineOfDebugLevel) {
  EXPECT_EQ(log_with("").find("level=debug"), std::string::npos);
  EXPECT_EQ(log_with("debug = false\n").find("level=debug"), std::string::npos);
}

TEST_F(Serve, CommandLineFlagIsNotUndoneByTheConfiguration) {
  EXPECT_NE(log_with("debug = false\n", true).find("level=debug"), std::string::npos);
}
