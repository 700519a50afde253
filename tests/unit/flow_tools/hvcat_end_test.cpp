// How hvcat ends: each exit status, and signals.
#include <poll.h>
#include <sys/socket.h>

#include <csignal>
#include <filesystem>

#include "flow/system/file.hpp"
#include "tests/unit/flow_tools/hvcat_fixture.hpp"

using namespace tests;
using flow::frame_code;
using flow::tools::exit_status;

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
  h.program.output_until("some");
  h.program.end_input();
  h.received_until(wire(frame_code::shutdown_write));
  h.peer.reset();
  EXPECT_EQ(h.program.wait(), code(exit_status::truncated));
  EXPECT_NE(h.program.errors().find(h.p.uri + ": stream truncated"), std::string::npos);
}

TEST(Hvcat, EndInsideAFrameIsTruncated) {
  by_hand h;
  write_all(h.peer.get(), header(10) + "123");
  h.peer.reset();
  EXPECT_EQ(h.program.output(), "123");
  EXPECT_EQ(h.program.wait(), code(exit_status::truncated));
}

TEST(Hvcat, ResetIsToldFromTruncation) {
  for (const std::vector<std::string>& how :
       {std::vector<std::string>{}, std::vector<std::string>{"--raw"}}) {
    by_hand h(how);
    h.program.send("never read");
    read_until(h.peer.get(), "n", h.received);  // some has arrived; the rest stays unread
    h.program.send(pattern(100'000));
    pollfd waiting{h.peer.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&waiting, 1, 60'000), 1);
    h.peer.reset();
    EXPECT_EQ(h.program.wait(), code(exit_status::reset)) << h.program.errors();
  }
}

TEST(Hvcat, IllegalFramesAreProtocolErrors) {
  for (const auto& frame : {header(0x80000000), header(70'000),
                            wire(frame_code::shutdown_write) + data("after the end")}) {
    by_hand h;
    write_all(h.peer.get(), frame);
    EXPECT_EQ(h.program.wait(), code(exit_status::protocol));
  }
  by_hand strict({"--max-frame=3"});
  write_all(strict.peer.get(), data("four"));
  EXPECT_EQ(strict.program.wait(), code(exit_status::protocol));
}

TEST(Hvcat, PeerThatStopsReadingEarlyIsSaid) {
  by_hand h;
  write_all(h.peer.get(), wire(frame_code::close));
  h.received_until(wire(frame_code::close));
  EXPECT_EQ(h.program.output(), "");
  h.peer.reset();
  EXPECT_EQ(h.program.wait(), code(exit_status::done)) << "nothing was sent, nothing is lost";

  by_hand raw({"--raw"});
  ::shutdown(raw.peer.get(), SHUT_RD);
  raw.program.send("for nobody");
  raw.program.end_input();
  ::shutdown(raw.peer.get(), SHUT_WR);
  EXPECT_EQ(raw.program.wait(), code(exit_status::unread));
}

TEST(Hvcat, TimeoutEndsASilentConnection) {
  by_hand h({"--timeout", "0.05"});
  EXPECT_EQ(h.program.wait(), code(exit_status::timed_out));
  EXPECT_EQ(h.received_until({}), "") << "no clean end";
}

TEST(Hvcat, CloseTimeoutEndsTheWaitForAnAnswer) {
  by_hand h({"--close-timeout", "0.05"});
  h.program.end_input();
  write_all(h.peer.get(), wire(frame_code::shutdown_write));
  h.received_until(wire(frame_code::close));
  EXPECT_EQ(h.program.wait(), code(exit_status::timed_out));
}

TEST(Hvcat, ConnectTimeoutEndsTheWaitForAProxy) {
  const place p;
  const auto proxy = listen_at(p.path);
  const auto r = run_tool(hvcat, {"--connect-timeout=0.05", "hybrid://" + p.path + ":1"});
  EXPECT_EQ(r.status, code(exit_status::timed_out));
}

TEST(Hvcat, InterruptClosesInOrder) {
  by_hand h;
  h.program.send("said");
  h.received_until("said");
  h.program.signal(SIGINT);
  EXPECT_EQ(h.received_until(wire(frame_code::close)), data("said") + wire(frame_code::close));
  write_all(h.peer.get(), wire(frame_code::close));
  EXPECT_EQ(h.program.wait(), code(exit_status::interrupted));
  EXPECT_EQ(h.received_until({}), data("said") + wire(frame_code::close)) << "nothing else";
}

TEST(Hvcat, SecondInterruptKills) {
  by_hand h;
  h.program.send("x");
  h.received_until("x");
  h.program.signal(SIGINT);
  h.received_until(wire(frame_code::close));  // never answered
  h.program.signal(SIGINT);
  EXPECT_EQ(h.program.wait(), -SIGINT);
}

TEST(Hvcat, InterruptedFileIsNoCleanEndForItsReceiver) {
  const temporary_directory directory;
  EXPECT_TRUE(flow::write_file(directory / "f", pattern(5'000'000)));
  by_hand h({"-i", directory / "f"});
  h.received_until(pattern(100).substr(0, 50));
  h.program.signal(SIGINT);
  EXPECT_EQ(h.program.wait(), code(exit_status::interrupted));
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

TEST(Hvcat, FilesThatCannotBeOpenedAreNamed) {
  const auto in = run_tool(hvcat, {"-i", "/nonexistent/in", "unix:///nonexistent/s"});
  EXPECT_EQ(in.status, code(exit_status::failure));
  EXPECT_NE(in.errors.find("open /nonexistent/in: "), std::string::npos);
  const auto out = run_tool(hvcat, {"-o", "/nonexistent/out", "unix:///nonexistent/s"});
  EXPECT_NE(out.errors.find("open /nonexistent/out: "), std::string::npos);
}

TEST(Hvcat, OutputThatNobodyReadsIsAFailure) {
  by_hand h;
  h.program.drop_output();
  write_all(h.peer.get(), data("for nobody"));
  h.received_until(wire(frame_code::shutdown_read));
  h.program.end_input();
  h.received_until(wire(frame_code::shutdown_write) + wire(frame_code::close));
  write_all(h.peer.get(), wire(frame_code::close));
  EXPECT_EQ(h.program.wait(), code(exit_status::failure));
  EXPECT_NE(h.program.errors().find("output: Broken pipe"), std::string::npos);
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
  says({"-e", "-i", "f", "unix://a"}, "--echo does not use files");
  says({"-t", "soon", "unix://a"}, "--timeout: \"soon\" is not a number of seconds");
  says({"--max-payload=65533", "unix://a"}, "is not a number from 1 to 65532");
  says({"--max-payload=0", "unix://a"}, "is not a number from 1 to 65532");
  says({"--vsock-buffer=1x", "unix://a"}, "--vsock-buffer: \"1x\"");
  says({"--nonsense", "unix://a"}, "--nonsense");
}
