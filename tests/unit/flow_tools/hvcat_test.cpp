// hvcat as a program: each option, each exit status, framed and raw.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <csignal>
#include <filesystem>

#include "flow/file.hpp"
#include "flow/tools/exit_status.hpp"
#include "tests/unit/flow/stream_fixture.hpp"
#include "tests/unit/flow_tools/tool.hpp"

using namespace tests;
using flow::frame_code;
using flow::tools::exit_status;

namespace {

const std::string hvcat = HVCAT_PATH;

constexpr int code(exit_status s) {
  return static_cast<int>(s);
}

// A directory with a socket in it, and what both ends of a connection there are given.
struct place {
  temporary_directory directory;
  std::string path = directory / "s";
  std::string uri = "unix://" + path;
};

// hvcat connected to the test, which speaks the wire format by hand.
struct by_hand {
  explicit by_hand(std::vector<std::string> arguments = {}, const tool::files& f = tool::files())
      : listener(listen_at(p.path)) {
    arguments.push_back(p.uri);
    program.emplace(hvcat, arguments, f);
    peer = accept_from(listener);
  }

  // All that came until there was `text`.
  std::string received_until(const std::string& text) {
    return read_until(peer.get(), text, received);
  }

  place p;
  flow::unique_fd listener;
  std::optional<tool> program;
  flow::unique_fd peer;
  std::string received;
};

std::vector<std::string> with(std::vector<std::string> arguments,
                              const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

}  // namespace

class HvcatBothEnds : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(HvcatBothEnds, CarriesBothDirectionsEachToItsOwnEnd) {
  const place p;
  tool server(hvcat, with(GetParam(), {"-l", p.uri}));
  tool client(hvcat, with(GetParam(), {"-R", "60", p.uri}));
  const auto question = pattern(1'000'000);
  const auto answer = pattern(300'000, 7);
  // With the end of it, though the server has not spoken yet.
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

TEST(Hvcat, NobodyListensIsAFailureWithTheAddress) {
  const place p;
  const auto r = run_tool(hvcat, {p.uri});
  EXPECT_EQ(r.status, code(exit_status::failure));
  EXPECT_NE(r.errors.find("hvcat: connect " + p.path + ": No such file"), std::string::npos)
      << r.errors;
  const auto other = run_tool(hvcat, {"hvsock://name/00000050-FACB-11E6-BD58-64006A7986D3"});
  EXPECT_EQ(other.status, code(exit_status::failure));
}

TEST(Hvcat, EndWithoutAWordIsTruncatedAndWhatCameIsWritten) {
  by_hand h;
  write_all(h.peer.get(), data("some"));
  h.program->output_until("some");
  h.program->end_input();
  h.received_until(wire(frame_code::shutdown_write));
  h.peer.reset();
  EXPECT_EQ(h.program->wait(), code(exit_status::truncated));
  EXPECT_NE(h.program->errors().find(h.p.uri + ": stream truncated"), std::string::npos);
}

TEST(Hvcat, EndInsideAFrameIsTruncated) {
  by_hand h;
  write_all(h.peer.get(), header(10) + "123");
  h.peer.reset();
  EXPECT_EQ(h.program->output(), "123");
  EXPECT_EQ(h.program->wait(), code(exit_status::truncated));
}

TEST(Hvcat, ResetIsToldFromTruncation) {
  for (const std::vector<std::string>& how :
       {std::vector<std::string>{}, std::vector<std::string>{"--raw"}}) {
    by_hand h(how);
    h.program->send("never read");
    read_until(h.peer.get(), "n", h.received);  // some is there; the rest is left
    h.program->send(pattern(100'000));
    pollfd waiting{h.peer.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&waiting, 1, 60'000), 1);
    h.peer.reset();
    EXPECT_EQ(h.program->wait(), code(exit_status::reset)) << h.program->errors();
  }
}

TEST(Hvcat, IllegalFramesAreProtocolErrors) {
  for (const auto& frame : {header(0x80000000), header(70'000),
                            wire(frame_code::shutdown_write) + data("after the end")}) {
    by_hand h;
    write_all(h.peer.get(), frame);
    EXPECT_EQ(h.program->wait(), code(exit_status::protocol));
  }
  by_hand strict({"--max-frame=3"});
  write_all(strict.peer.get(), data("four"));
  EXPECT_EQ(strict.program->wait(), code(exit_status::protocol));
}

TEST(Hvcat, PeerThatStopsReadingEarlyIsSaid) {
  by_hand h;
  write_all(h.peer.get(), wire(frame_code::close));
  h.received_until(wire(frame_code::close));
  EXPECT_EQ(h.program->output(), "");
  h.peer.reset();
  EXPECT_EQ(h.program->wait(), code(exit_status::done)) << "nothing was sent, nothing is lost";

  by_hand raw({"--raw"});
  ::shutdown(raw.peer.get(), SHUT_RD);
  raw.program->send("for nobody");
  raw.program->end_input();
  ::shutdown(raw.peer.get(), SHUT_WR);
  EXPECT_EQ(raw.program->wait(), code(exit_status::unread));
}

TEST(Hvcat, TimeoutEndsASilentConnection) {
  by_hand h({"--timeout", "0.05"});
  EXPECT_EQ(h.program->wait(), code(exit_status::timed_out));
  EXPECT_EQ(h.received_until({}), "") << "no clean end";
}

TEST(Hvcat, CloseTimeoutEndsTheWaitForAnAnswer) {
  by_hand h({"--close-timeout", "0.05"});
  h.program->end_input();
  write_all(h.peer.get(), wire(frame_code::shutdown_write));
  h.received_until(wire(frame_code::close));
  EXPECT_EQ(h.program->wait(), code(exit_status::timed_out));
}

TEST(Hvcat, ConnectTimeoutEndsTheWaitForAProxy) {
  const place p;
  const auto proxy = listen_at(p.path);
  const auto r = run_tool(hvcat, {"--connect-timeout=0.05", "hybrid://" + p.path + ":1"});
  EXPECT_EQ(r.status, code(exit_status::timed_out));
}

TEST(Hvcat, InterruptClosesInOrder) {
  by_hand h;
  h.program->send("said");
  h.received_until("said");
  h.program->signal(SIGINT);
  EXPECT_EQ(h.received_until(wire(frame_code::close)), data("said") + wire(frame_code::close));
  write_all(h.peer.get(), wire(frame_code::close));
  EXPECT_EQ(h.program->wait(), code(exit_status::interrupted));
  EXPECT_EQ(h.received_until({}), data("said") + wire(frame_code::close)) << "nothing else";
}

TEST(Hvcat, SecondInterruptKills) {
  by_hand h;
  h.program->send("x");
  h.received_until("x");
  h.program->signal(SIGINT);
  h.received_until(wire(frame_code::close));  // never answered
  h.program->signal(SIGINT);
  EXPECT_EQ(h.program->wait(), -SIGINT);
}

TEST(Hvcat, InterruptedFileIsNoCleanEndForItsReceiver) {
  const temporary_directory directory;
  EXPECT_TRUE(flow::write_file(directory / "f", pattern(5'000'000)));
  by_hand h({"-i", directory / "f"});
  h.received_until(pattern(100).substr(0, 50));
  h.program->signal(SIGINT);
  EXPECT_EQ(h.program->wait(), code(exit_status::interrupted));
  const auto all = h.received_until({});
  EXPECT_LT(all.size(), 5'000'000U);
  EXPECT_FALSE(all.ends_with(wire(frame_code::close)));
}

TEST(Hvcat, InterruptWhileListeningOrTryingAgainEndsAtOnce) {
  const place p;
  tool server(hvcat, {"-lv", p.uri});
  server.errors_until("listening");
  server.signal(SIGINT);
  EXPECT_EQ(server.wait(), code(exit_status::interrupted));
  EXPECT_FALSE(std::filesystem::exists(p.path));
  tool client(hvcat, {"-v", "-R60", p.uri});
  client.errors_until("trying again");
  client.signal(SIGINT);
  EXPECT_EQ(client.wait(), code(exit_status::interrupted));
}

TEST(Hvcat, NoHalfCloseClosesWhenTheInputEnds) {
  by_hand h({"--no-half-close"});
  h.program->send("all");
  h.program->end_input();
  const auto all = data("all") + wire(frame_code::shutdown_write) + wire(frame_code::close);
  EXPECT_EQ(h.received_until(wire(frame_code::close)), all);
  write_all(h.peer.get(), wire(frame_code::close));
  EXPECT_EQ(h.program->wait(), code(exit_status::done));
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

TEST(Hvcat, FilesThatCannotBeOpenedAreNamed) {
  const auto in = run_tool(hvcat, {"-i", "/nonexistent/in", "unix:///nonexistent/s"});
  EXPECT_EQ(in.status, code(exit_status::failure));
  EXPECT_NE(in.errors.find("open /nonexistent/in: "), std::string::npos);
  const auto out = run_tool(hvcat, {"-o", "/nonexistent/out", "unix:///nonexistent/s"});
  EXPECT_NE(out.errors.find("open /nonexistent/out: "), std::string::npos);
}

TEST(Hvcat, OutputThatNobodyReadsIsAFailure) {
  by_hand h;
  h.program->drop_output();
  write_all(h.peer.get(), data("for nobody"));
  h.received_until(wire(frame_code::shutdown_read));
  h.program->end_input();
  h.received_until(wire(frame_code::shutdown_write) + wire(frame_code::close));
  write_all(h.peer.get(), wire(frame_code::close));
  EXPECT_EQ(h.program->wait(), code(exit_status::failure));
  EXPECT_NE(h.program->errors().find("output: Broken pipe"), std::string::npos);
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

TEST(Hvcat, MistakesAreUsageErrorsThatSayWhatIsWrong) {
  const auto says = [](const std::vector<std::string>& arguments, const std::string& text) {
    const auto r = run_tool(hvcat, arguments);
    EXPECT_EQ(r.status, code(exit_status::usage));
    EXPECT_NE(r.errors.find(text), std::string::npos) << r.errors;
  };
  says({}, "one ADDRESS is needed");
  says({"unix://a", "unix://b"}, "one ADDRESS is needed");
  says({"tcp://a"}, "address \"tcp://a\": the scheme is not");
  says({"-k", "unix://a"}, "--keep needs --listen");
  says({"-e", "-i", "f", "unix://a"}, "--echo uses no files");
  says({"-t", "soon", "unix://a"}, "--timeout: \"soon\" is not a number of seconds");
  says({"--max-payload=65533", "unix://a"}, "is not a number from 1 to 65532");
  says({"--max-payload=0", "unix://a"}, "is not a number from 1 to 65532");
  says({"--vsock-buffer=1x", "unix://a"}, "--vsock-buffer: \"1x\"");
  says({"--nonsense", "unix://a"}, "--nonsense");
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
