// ctr run -t and exec -t, with a real terminal at the test's end.
#include "tests/e2e/harness/fifo_task.hpp"
#include "tests/e2e/harness/fixture.hpp"
#include "tests/e2e/harness/terminal_session.hpp"

using e2e::ctr_run;
using e2e::private_containerd;
using e2e::terminal_session;

namespace {

class Terminal : public e2e::ContainerdTest {};

}  // namespace

TEST_F(Terminal, ProgramFindsATerminalOfOurSize) {
  terminal_session session(
      private_containerd::ctr_run({"--rm", "-t"}, id(), {"sh", "-c", "tty; stty size; exit 9"}), 12,
      34);
  EXPECT_EQ(session.finish(), 9);
  EXPECT_NE(session.screen().find("/dev/pts/0"), std::string::npos) << session.screen();
  EXPECT_NE(session.screen().find("12 34"), std::string::npos) << session.screen();
}

TEST_F(Terminal, WhatIsTypedIsEchoedAndRun) {
  terminal_session session(private_containerd::ctr_run({"--rm", "-t"}, id(), {"sh"}), 24, 80);
  ASSERT_TRUE(session.read_until("# ")) << session.screen();
  session.type("echo $((6 * 7))\n");
  EXPECT_TRUE(session.read_until("42")) << session.screen();
  session.type("exit 3\n");
  EXPECT_EQ(session.finish(), 3);
}

TEST_F(Terminal, InterruptReachesTheProgram) {
  terminal_session session(
      private_containerd::ctr_run({"--rm", "-t"}, id(),
                                  {"sh", "-c",
                                   "trap 'echo got it; exit 7' INT; echo ready; "
                                   "while :; do sleep 0.1; done"}),
      24, 80);
  ASSERT_TRUE(session.read_until("ready")) << session.screen();
  session.type("\x03");
  EXPECT_EQ(session.finish(), 7);
  EXPECT_NE(session.screen().find("got it"), std::string::npos) << session.screen();
}

TEST_F(Terminal, ResizeReachesTheProgram) {
  terminal_session session(private_containerd::ctr_run({"--rm", "-t"}, id(),
                                                       {"sh", "-c",
                                                        "trap 'stty size; exit' WINCH; echo ready; "
                                                        "while :; do sleep 0.1; done"}),
                           24, 80);
  ASSERT_TRUE(session.read_until("ready")) << session.screen();
  session.resize(50, 132);
  EXPECT_EQ(session.finish(), 0);
  EXPECT_NE(session.screen().find("50 132"), std::string::npos) << session.screen();
}

TEST_F(Terminal, LargeOutputArrivesWhole) {
  terminal_session session(
      private_containerd::ctr_run({"--rm", "-t"}, id(), {"sh", "-c", "seq 1 20000; echo the end"}),
      24, 80);
  EXPECT_EQ(session.finish(), 0);
  std::string expected;
  for (int i = 1; i <= 20000; ++i) {
    expected += std::to_string(i) + "\r\n";
  }
  expected += "the end\r\n";
  EXPECT_EQ(session.screen().size(), expected.size());
  EXPECT_TRUE(session.screen() == expected)
      << session.screen().substr(0, 100) << "..."
      << session.screen().substr(session.screen().size() - 100);
}

TEST_F(Terminal, ExecHasATerminalToo) {
  ASSERT_EQ(ctr_run({"-d"}, id(), {"sleep", "1000"}).status, 0);
  terminal_session session(private_containerd::ctr({"tasks", "exec", "-t", "--exec-id", "e1", id(),
                                                    "sh", "-c", "tty; exit 4"}),
                           24, 80);
  EXPECT_EQ(session.finish(), 4);
  EXPECT_NE(session.screen().find("/dev/pts/"), std::string::npos) << session.screen();
}

TEST_F(Terminal, EndOfInputTypedByTheUserEndsTheProgramsInput) {
  terminal_session session(
      private_containerd::ctr_run({"--rm", "-t"}, id(),
                                  {"sh", "-c", "echo ready; cat > /dev/null; echo after; exit 6"}),
      24, 80);
  ASSERT_TRUE(session.read_until("ready")) << session.screen();
  session.type("some text\n\x04");
  EXPECT_EQ(session.finish(), 6);
  EXPECT_NE(session.screen().find("after"), std::string::npos) << session.screen();
}

namespace {

class DetachedTerminal : public e2e::FifoTaskTest {};

}  // namespace

TEST_F(DetachedTerminal, CloseIoEndsTheProgramsInputAndHangsNothingUp) {
  start_on_terminal({"sh", "-c", "cat; echo after; exit 6"});
  const auto output = read_stdout();
  {
    const auto client = attach_stdin();
    write_all(client, "an unfinished line");
    close_io();
  }
  EXPECT_EQ(wait(), 6U) << "129 were a hang-up";
  const auto screen = output->finish().out;
  EXPECT_NE(screen.find("an unfinished line"), std::string::npos) << screen;
  EXPECT_NE(screen.find("after\r\n"), std::string::npos) << screen;
}
