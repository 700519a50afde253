#include "flow/system/log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "flow/system/pipe.hpp"

namespace {

class LogToPipe : public ::testing::Test {
 protected:
  std::string read_all() {
    std::string text(65536, '\0');
    const auto n = ::read(pipe_.reader.get(), text.data(), text.size());
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
  }

  // The line without its time.
  std::string read_line() {
    const auto text = read_all();
    const auto at = text.find(" level=");
    return at == std::string::npos ? text : text.substr(at + 1);
  }

  flow::pipe_ends pipe_ = flow::make_pipe(O_NONBLOCK).value();
};

}  // namespace

TEST_F(LogToPipe, LineIsKeyValue) {
  flow::log log(pipe_.writer.get());
  log.info("create container", {{"id", "redis"}, {"pid", 4711}, {"tty", false}});
  EXPECT_EQ(read_line(), "level=info msg=\"create container\" id=redis pid=4711 tty=false\n");
}

TEST_F(LogToPipe, HostileTextCannotForgeALine) {
  flow::log log(pipe_.writer.get());
  log.warning("guest said", {{"text", std::string("x\" level=error\nfake \x1b[0m\\")}});
  EXPECT_EQ(read_line(),
            "level=warning msg=\"guest said\" text=\"x\\\" level=error\\nfake \\x1b[0m\\\\\"\n");
}

TEST_F(LogToPipe, LevelsBelowTheLeastAreSilent) {
  flow::log log(pipe_.writer.get());
  log.debug("hidden");
  EXPECT_EQ(read_all(), "");
  log.set_level(flow::log::level::debug);
  log.debug("shown");
  EXPECT_EQ(read_line(), "level=debug msg=shown\n");
}

TEST_F(LogToPipe, FullPipeDropsAndLaterSaysHowMany) {
  flow::log log(pipe_.writer.get());
  const std::string filler(4096, 'x');
  while (::write(pipe_.writer.get(), filler.data(), filler.size()) > 0) {
  }
  log.info("lost");
  log.info("lost");
  static_cast<void>(read_all());
  log.info("arrives");
  EXPECT_EQ(read_line(), "level=info msg=arrives dropped=2\n");
}

TEST_F(LogToPipe, LongLineIsCutToWhatAPipeTakesInOnePiece) {
  flow::log log(pipe_.writer.get());
  log.info(std::string(100000, 'y'));
  const auto text = read_all();
  EXPECT_EQ(text.size(), 4096U);
  EXPECT_EQ(text.back(), '\n');
}
