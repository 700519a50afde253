#include "flow/system/log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

#include "flow/unique_fd.hpp"

namespace {

class LogToPipe : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
    read_end_.reset(ends[0]);
    write_end_.reset(ends[1]);
  }

  std::string read_all() {
    std::string text(65536, '\0');
    const auto n = ::read(read_end_.get(), text.data(), text.size());
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
  }

  // The line without its time.
  std::string read_line() {
    const auto text = read_all();
    const auto at = text.find(" level=");
    return at == std::string::npos ? text : text.substr(at + 1);
  }

  flow::unique_fd read_end_;
  flow::unique_fd write_end_;
};

}  // namespace

TEST_F(LogToPipe, LineIsKeyValue) {
  flow::log log(write_end_.get());
  log.info("create container", {{"id", "redis"}, {"pid", 4711}, {"tty", false}});
  EXPECT_EQ(read_line(), "level=info msg=\"create container\" id=redis pid=4711 tty=false\n");
}

TEST_F(LogToPipe, HostileTextCannotForgeALine) {
  flow::log log(write_end_.get());
  log.warning("guest said", {{"text", std::string("x\" level=error\nfake \x1b[0m\\")}});
  EXPECT_EQ(read_line(),
            "level=warning msg=\"guest said\" text=\"x\\\" level=error\\nfake \\x1b[0m\\\\\"\n");
}

TEST_F(LogToPipe, LevelsBelowTheLeastAreSilent) {
  flow::log log(write_end_.get());
  log.debug("hidden");
  EXPECT_EQ(read_all(), "");
  log.set_level(flow::log::level::debug);
  log.debug("shown");
  EXPECT_EQ(read_line(), "level=debug msg=shown\n");
}

TEST_F(LogToPipe, FullPipeDropsAndLaterSaysHowMany) {
  flow::log log(write_end_.get());
  const std::string filler(4096, 'x');
  while (::write(write_end_.get(), filler.data(), filler.size()) > 0) {
  }
  log.info("lost");
  log.info("lost");
  static_cast<void>(read_all());
  log.info("arrives");
  EXPECT_EQ(read_line(), "level=info msg=arrives dropped=2\n");
}

TEST_F(LogToPipe, LongLineIsCutToWhatAPipeTakesInOnePiece) {
  flow::log log(write_end_.get());
  log.info(std::string(100000, 'y'));
  const auto text = read_all();
  EXPECT_EQ(text.size(), 4096U);
  EXPECT_EQ(text.back(), '\n');
}
