// A process's input: clients come and go, and only CloseIO ends it.
#include "tests/e2e/harness/fifo_task.hpp"

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20U;

class Stdin : public e2e::FifoTaskTest {};

}  // namespace

TEST_F(Stdin, ClientMayGoAndAnotherComeBack) {
  start({"cat"});
  const auto output = read_stdout();
  {
    const auto first = attach_stdin();
    write_all(first, "first client\n");
    ASSERT_TRUE(output->read_until("first client\n"));
  }
  // The first client has closed its end, which does not end the input.
  EXPECT_EQ(state(), ::containerd::v1::types::RUNNING);
  {
    const auto second = attach_stdin();
    write_all(second, "second client\n");
    ASSERT_TRUE(output->read_until("second client\n"));
  }
  close_io();
  EXPECT_EQ(wait(), 0U);
  EXPECT_EQ(output->finish().out, "first client\nsecond client\n");
}

TEST_F(Stdin, CloseIoDropsNothingThatIsOnItsWay) {
  start({"sh", "-c", "sleep 2; cat"});
  const auto output = read_stdout();
  const std::string data(50000, 'd');
  {
    // The input is not read yet: all of it is in the FIFO or further on when CloseIO arrives, while
    // the test's end is open.
    const auto client = attach_stdin();
    write_all(client, data);
    close_io();
  }
  EXPECT_EQ(wait(), 0U);
  EXPECT_EQ(output->finish().out.size(), data.size());
}

TEST_F(Stdin, CloseIoBeforeTheClientHasWrittenAllStillTakesAll) {
  start({"cat"});
  const auto output = read_stdout();
  {
    const auto client = attach_stdin();
    write_all(client, "before\n");
    close_io();
    write_all(client, "after\n");
  }
  EXPECT_EQ(wait(), 0U);
  EXPECT_EQ(output->finish().out, "before\nafter\n");
}

TEST_F(Stdin, CloseIoTwiceAndAfterTheExitIsFine) {
  start({"cat"});
  const auto output = read_stdout();
  close_io();
  close_io();
  EXPECT_EQ(wait(), 0U);
  close_io();
}

TEST_F(Stdin, ProcessThatDoesNotReadItsInputIsNotHeldUp) {
  start({"sh", "-c", "exec < /dev/null; sleep 1; echo done"});
  const auto output = read_stdout();
  EXPECT_EQ(wait(), 0U);
  EXPECT_EQ(output->finish().out, "done\n");
}

TEST_F(Stdin, LargeInputIsTakenAsFastAsItIsRead) {
  start({"sh", "-c", "sleep 2; wc -c"});
  const auto output = read_stdout();
  {
    const auto client = attach_stdin();
    write_all(client, std::string(4 * mebibyte, 'b'));
  }
  close_io();
  EXPECT_EQ(wait(), 0U);
  EXPECT_EQ(output->finish().out, std::to_string(4 * mebibyte) + "\n");
}
