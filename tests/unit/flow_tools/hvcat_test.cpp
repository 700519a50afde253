// hvcat as a program: the data it moves, framed and raw, and its options.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <csignal>
#include <filesystem>

#include "flow/system/file.hpp"
#include "tests/unit/flow_tools/hvcat_fixture.hpp"

using namespace tests;
using flow::frame_code;
using flow::tools::exit_status;

class HvcatBothEnds : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(HvcatBothEnds, CarriesBothDirectionsEachToItsOwnEnd) {
  const place p;
  tool server(hvcat, with(GetParam(), {"-l", p.uri}));
  tool client(hvcat, with(GetParam(), {"-R", "60", p.uri}));
  const auto question = pattern(1'000'000);
  const auto answer = pattern(300'000, 7);
  // Including the end, although the server has not sent anything yet.
  EXPECT_TRUE(client.send_through(question, server) == question);
  EXPECT_TRUE(server.send_through(answer, client) == answer);
  EXPECT_EQ(client.wait(), code(exit_status::done));
  EXPECT_EQ(server.wait(), code(exit_status::done));
  EXPECT_FALSE(std::filesystem::exists(p.path));
}

INSTANTIATE_TEST_SUITE_P(
    , HvcatBothEnds,
    testing::Values(std::vector<std::string>{}, std::vector<std::string>{"--raw"},
                    std::vector<std::string>{"--max-payload=65532"},
                    std::vector<std::string>{"--max-payload=1", "--max-frame=1"}));

TEST(Hvcat, EchoServesManyAtTheSameTime) {
  const place p;
  tool server(hvcat, {"--listen", "--keep", "--echo", "-v", p.uri});
  tool first(hvcat, {"--retry=60", p.uri});
  first.send("one");
  EXPECT_EQ(first.output_until("one"), "one");
  const auto second = run_tool(hvcat, {p.uri}, "two");
  EXPECT_EQ(second.output, "two");
  EXPECT_EQ(second.status, code(exit_status::done));
  first.send(" more");
  first.end_input();
  EXPECT_EQ(first.output(), "one more");
  EXPECT_EQ(first.wait(), code(exit_status::done));
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), code(exit_status::interrupted));
  EXPECT_NE(server.errors().find("msg=ended sent=8 received=8"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(p.path));
}

TEST(Hvcat, KeepServesOneAfterTheOther) {
  const place p;
  tool server(hvcat, {"-lk", p.uri});
  EXPECT_EQ(run_tool(hvcat, {"-N", "-R60", p.uri}, "first,").status, code(exit_status::done));
  EXPECT_EQ(run_tool(hvcat, {"-N", p.uri}, "second").status, code(exit_status::done));
  EXPECT_EQ(server.output_until("second"), "first,second");
  server.send("for the third");
  tool third(hvcat, {p.uri});
  EXPECT_EQ(third.output_until("third"), "for the third");
  server.signal(SIGINT);
  EXPECT_EQ(server.wait(), code(exit_status::interrupted));
  EXPECT_EQ(third.wait(), code(exit_status::done)) << third.errors();
}

TEST(Hvcat, HybridListenerAndClientOfItsProxy) {
  const place p;
  tool guest(hvcat, {"-l", "hybrid://" + p.path + ":80"});
  EXPECT_EQ(run_tool(hvcat, {"-R60", "-N", "unix://" + p.path + "_80"}, "up").status, 0);
  EXPECT_EQ(guest.output(), "up");
  guest.end_input();
  EXPECT_EQ(guest.wait(), code(exit_status::done));

  const auto proxy = listen_at(p.path);
  tool client(hvcat, {"hybrid://" + p.path + ":81"});
  const auto connection = accept_from(proxy);
  std::string received;
  read_until(connection.get(), "CONNECT 81\n", received);
  write_all(connection.get(), "OK 1073741824\n" + data("down") + wire(frame_code::close));
  EXPECT_EQ(client.output(), "down");
  read_until(connection.get(), wire(frame_code::close), received);
}

TEST(Hvcat, RetriesUntilSomebodyListens) {
  const place p;
  tool client(hvcat, {"-v", "--retry", "60", p.uri});
  client.errors_until("trying again");
  tool server(hvcat, {"-l", p.uri});
  client.send("patient");
  client.end_input();
  server.end_input();
  EXPECT_EQ(server.output(), "patient");
  EXPECT_EQ(client.wait(), code(exit_status::done));
}

TEST(Hvcat, NoHalfCloseClosesWhenTheInputEnds) {
  by_hand h({"--no-half-close"});
  h.program.send("all");
  h.program.end_input();
  const auto all = data("all") + wire(frame_code::shutdown_write) + wire(frame_code::close);
  EXPECT_EQ(h.received_until(wire(frame_code::close)), all);
  write_all(h.peer.get(), wire(frame_code::close));
  EXPECT_EQ(h.program.wait(), code(exit_status::done));
}

TEST(Hvcat, MovesAFileAndShowsItsProgressOnATerminal) {
  const place p;
  const auto content = pattern(3'000'000);
  EXPECT_TRUE(flow::write_file(p.directory / "from", content));
  const flow::unique_fd terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_EQ(::grantpt(terminal.get()), 0);
  ASSERT_EQ(::unlockpt(terminal.get()), 0);
  flow::unique_fd slave(::open(::ptsname(terminal.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  tool server(hvcat, {"-l", "--output", p.directory / "to", p.uri});
  server.end_input();
  tool::files f;
  f.errors = slave.get();
  tool client(hvcat, {"-R60", "--input", p.directory / "from", p.uri}, f);
  EXPECT_EQ(client.wait(), code(exit_status::done));
  EXPECT_EQ(server.wait(), code(exit_status::done));
  EXPECT_TRUE(*flow::read_file(p.directory / "to") == content);
  std::string shown;
  read_until(terminal.get(), "(100%)", shown);
  EXPECT_NE(shown.find("3000000 bytes in "), std::string::npos) << shown;
}

TEST(Hvcat, ProgressIsShownElsewhereOnlyIfAsked) {
  const place p;
  tool server(hvcat, {"-lke", p.uri});
  const auto quiet = run_tool(hvcat, {"-R60", p.uri}, "12345");
  EXPECT_EQ(quiet.errors, "");
  const auto asked = run_tool(hvcat, {"--progress", p.uri}, "12345");
  EXPECT_NE(asked.errors.find("5 bytes in "), std::string::npos) << asked.errors;
}

TEST(Hvcat, TakesADescriptorForAConnectionOrAListener) {
  int fds[2] = {-1, -1};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  const flow::unique_fd mine(fds[0]);
  flow::unique_fd theirs(fds[1]);
  tool::files f;
  f.inherited = {theirs.get()};
  tool connected(hvcat, {"raw+fd://" + std::to_string(theirs.get())}, f);
  theirs.reset();
  write_all(mine.get(), "hello");
  EXPECT_EQ(connected.output_until("hello"), "hello");

  const place p;
  auto listener = listen_at(p.path);
  f.inherited = {listener.get()};
  tool listening(hvcat, {"-l", "raw+fd://" + std::to_string(listener.get())}, f);
  const auto peer = connect_to(p.path);
  write_all(peer.get(), "hello");
  EXPECT_EQ(listening.output_until("hello"), "hello");
}

TEST(Hvcat, StandardInputAndOutputMayBeClosed) {
  const place p;
  tool server(hvcat, {"-lke", p.uri});
  connect_to(p.path);
  const auto r = run_tool("/bin/sh", {"-c", "exec " + hvcat + " " + p.uri + " <&- >&-"});
  EXPECT_EQ(r.status, code(exit_status::done)) << r.errors;
}

TEST(Hvcat, HelpAndVersionAreOnStandardOutput) {
  const auto help = run_tool(hvcat, {"--help"});
  EXPECT_EQ(help.status, code(exit_status::done));
  EXPECT_NE(help.output.find("--no-half-close"), std::string::npos);
  EXPECT_EQ(help.errors, "");
  EXPECT_EQ(run_tool(hvcat, {"--version"}).output, "hvsock " HVSOCK_VERSION "\n");
}

TEST(Hvcat, LocalCidIsANumberOrAFailure) {
  const auto r = run_tool(hvcat, {"--local-cid"});
  if (r.status == code(exit_status::done)) {
    EXPECT_NE(r.output.find_first_of("0123456789"), std::string::npos);
  } else {
    EXPECT_EQ(r.status, code(exit_status::failure));
    EXPECT_NE(r.errors.find("hvcat: "), std::string::npos);
  }
}
