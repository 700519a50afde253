// hvforward as a program.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <csignal>
#include <filesystem>

#include "flow/tools/exit_status.hpp"
#include "tests/unit/flow/stream_fixture.hpp"
#include "tests/unit/flow_tools/tool.hpp"

using namespace tests;
using flow::frame_code;
using flow::tools::exit_status;

namespace {

const std::string hvcat = HVCAT_PATH;
const std::string hvforward = HVFORWARD_PATH;

constexpr int code(exit_status s) {
  return static_cast<int>(s);
}

struct spoken {
  const char* from;
  const char* to;
};

}  // namespace

class HvforwardEnds : public testing::TestWithParam<spoken> {};

TEST_P(HvforwardEnds, CarriesBothDirectionsAndEachHalfClose) {
  const temporary_directory d;
  const auto [from, to] = GetParam();
  tool forward(hvforward, {from + ("unix://" + (d / "from")), to + ("unix://" + (d / "to"))});
  forward.errors_until("listening");
  tool served(hvcat, {"-lv", to + ("unix://" + (d / "to"))});
  served.errors_until("listening");
  tool client(hvcat, {from + ("unix://" + (d / "from"))});
  const auto question = pattern(1'000'000);
  const auto answer = pattern(400'000, 3);
  EXPECT_TRUE(client.send_through(question, served) == question);
  EXPECT_TRUE(served.send_through(answer, client) == answer);
  EXPECT_EQ(client.wait(), code(exit_status::done)) << client.errors();
  EXPECT_EQ(served.wait(), code(exit_status::done)) << served.errors();
  const auto log = forward.errors_until("msg=ended");
  forward.signal(SIGTERM);
  EXPECT_EQ(forward.wait(), code(exit_status::interrupted));
  EXPECT_NE(forward.errors().find("from_read=1000000 to_written=1000000 to_read=400000 "
                                  "from_written=400000"),
            std::string::npos)
      << log;
  EXPECT_NE(forward.errors().find("end=clean"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(d / "from"));
}

INSTANTIATE_TEST_SUITE_P(, HvforwardEnds,
                         testing::Values(spoken{"framed+", "framed+"}, spoken{"framed+", "raw+"},
                                         spoken{"raw+", "framed+"}, spoken{"raw+", "raw+"}));

TEST(Hvforward, ServesEveryRuleHybridAndUnixAndConnectionsAtTheSameTime) {
  const temporary_directory d;
  tool echo(hvcat, {"-lkev", "unix://" + (d / "echo")});
  echo.errors_until("listening");
  tool forward(hvforward, {"--verbose", "unix://" + (d / "a"), "unix://" + (d / "echo"),
                           "hybrid://" + (d / "v") + ":80", "unix://" + (d / "a")});
  tool first(hvcat, {"-R60", "unix://" + (d / "v_80")});
  first.send("through both");
  EXPECT_EQ(first.output_until("both"), "through both");
  const auto second = run_tool(hvcat, {"unix://" + (d / "a")}, "through one");
  EXPECT_EQ(second.output, "through one");
  EXPECT_EQ(second.status, code(exit_status::done));
  first.end_input();
  EXPECT_EQ(first.wait(), code(exit_status::done));
  EXPECT_NE(forward.errors_until("id=3").find("msg=accepted"), std::string::npos);
}

TEST(Hvforward, NobodyAtTheOtherEndIsNoCleanEnd) {
  const temporary_directory d;
  tool forward(hvforward, {"unix://" + (d / "from"), "unix://" + (d / "nobody")});
  forward.errors_until("listening");
  const auto r = run_tool(hvcat, {"unix://" + (d / "from")});
  EXPECT_TRUE(r.status == code(exit_status::truncated) || r.status == code(exit_status::reset));
  EXPECT_NE(forward.errors_until("connect failed").find("level=warning"), std::string::npos);
}

TEST(Hvforward, AServerThatDiesIsNoCleanEndOfItsClient) {
  const temporary_directory d;
  const auto listener = listen_at(d / "to");
  tool forward(hvforward, {"--quiet", "unix://" + (d / "from"), "unix://" + (d / "to")});
  tool client(hvcat, {"-R60", "unix://" + (d / "from")});
  auto server = accept_from(listener);
  write_all(server.get(), data("half of"));
  EXPECT_EQ(client.output_until("half of"), "half of");
  server.reset();
  EXPECT_EQ(client.wait(), code(exit_status::truncated));
  const auto log = forward.errors_until("msg=ended");
  EXPECT_EQ(log.find("listening"), std::string::npos) << "it is quiet about what goes well";
  EXPECT_NE(forward.errors_until("end=").find("to: stream truncated"), std::string::npos) << log;
}

TEST(Hvforward, AServerThatClosesEndsASilentClient) {
  const temporary_directory d;
  const auto listener = listen_at(d / "to");
  tool forward(hvforward, {"raw+unix://" + (d / "from"), "unix://" + (d / "to")});
  forward.errors_until("listening");
  const auto client = connect_to(d / "from");
  auto server = accept_from(listener);
  write_all(server.get(), data("bye") + wire(frame_code::close));
  std::string received;
  EXPECT_EQ(read_until(client.get(), {}, received), "bye");
}

TEST(Hvforward, ASignalClosesWhatIsOpenInOrder) {
  const temporary_directory d;
  const auto listener = listen_at(d / "to");
  tool forward(hvforward, {"unix://" + (d / "from"), "unix://" + (d / "to")});
  tool client(hvcat, {"-R60", "unix://" + (d / "from")});
  auto server = accept_from(listener);
  client.send("x");
  std::string received;
  read_until(server.get(), "x", received);
  forward.signal(SIGINT);
  read_until(server.get(), wire(frame_code::close), received);
  EXPECT_EQ(received, data("x") + wire(frame_code::close));
  write_all(server.get(), wire(frame_code::close));
  EXPECT_EQ(client.wait(), code(exit_status::done));
  EXPECT_EQ(forward.wait(), code(exit_status::interrupted));
}

TEST(Hvforward, MistakesAndTakenAddressesAreSaid) {
  const temporary_directory d;
  const auto says = [](const std::vector<std::string>& arguments, exit_status status,
                       const std::string& text) {
    const auto r = run_tool(hvforward, arguments);
    EXPECT_EQ(r.status, code(status));
    EXPECT_NE(r.errors.find(text), std::string::npos) << r.errors;
  };
  says({}, exit_status::usage, "a TO is needed for each FROM");
  says({"unix://a"}, exit_status::usage, "a TO is needed for each FROM");
  says({"unix://a", "vsock://2"}, exit_status::usage, "the port is missing");
  says({"unix://a", "fd://3"}, exit_status::usage, "connected to only once");
  const auto taken = listen_at(d / "taken");
  says({"unix://" + (d / "taken"), "unix://b"}, exit_status::failure, "Address already in use");
  EXPECT_EQ(run_tool(hvforward, {"--help"}).status, code(exit_status::done));
}
