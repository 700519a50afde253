// hvstress as a program, and the plan of its runs.
#include <gtest/gtest.h>

#include <csignal>
#include <regex>

#include "flow/tools/exit_status.hpp"
#include "flow/tools/stress_plan.hpp"
#include "tests/unit/flow/stream_fixture.hpp"
#include "tests/unit/flow_tools/tool.hpp"

using namespace tests;
using namespace flow::tools;

namespace {

const std::string hvcat = HVCAT_PATH;
const std::string hvstress = HVSTRESS_PATH;

constexpr int code(exit_status s) {
  return static_cast<int>(s);
}

// A directory and an echo in it.
struct echo {
  explicit echo(const std::string& prefix = {})
      : uri(prefix + "unix://" + (directory / "s")),
        program(hvstress, {"--listen", "--verbose", uri}) {
    program.errors_until("listening");
  }

  temporary_directory directory;
  std::string uri;
  tool program;
};

// All matches of a pattern, in text order.
std::vector<std::string> all_of(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator i(text.begin(), text.end(), expression), end; i != end; ++i) {
    found.push_back((*i)[1].str());
  }
  return found;
}

}  // namespace

TEST(StressPlan, IsTheSameForTheSameSeedAndWithinTheLimits) {
  const stress_limits limits{10, 20, 3, 5, 50};
  std::size_t faults = 0;
  std::size_t different = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const auto p = make_plan(7, 1, i, limits);
    const auto same = make_plan(7, 1, i, limits);
    EXPECT_EQ(p.content, same.content);
    EXPECT_EQ(p.length, same.length);
    EXPECT_TRUE(p.length >= 10 && p.length <= 20);
    EXPECT_TRUE(p.write_size >= 3 && p.write_size <= 5);
    EXPECT_TRUE(p.read_size >= 3 && p.read_size <= 5);
    EXPECT_LE(p.fault_at, p.length);
    faults += p.fault != injection::none ? 1 : 0;
    different += p.content != make_plan(7, 2, i, limits).content ? 1 : 0;
    different += p.content != make_plan(8, 1, i, limits).content ? 1 : 0;
  }
  EXPECT_EQ(different, 2000U);
  EXPECT_TRUE(faults > 400 && faults < 600) << faults;
}

TEST(StressPlan, ContentDoesNotDependOnHowItIsCut) {
  std::array<std::byte, 100> whole{};
  std::array<std::byte, 100> cut{};
  byte_sequence(3).fill(whole);
  byte_sequence pieces(3);
  pieces.fill(std::span(cut).first(1));
  pieces.fill(std::span(cut).subspan(1, 50));
  pieces.fill(std::span(cut).subspan(51));
  EXPECT_EQ(whole, cut);
}

class HvstressSpoken : public testing::TestWithParam<std::string> {};

TEST_P(HvstressSpoken, EveryConversationIsRightInBothPatterns) {
  const echo e(GetParam());
  const auto r = run_tool(hvstress, {"--iterations=10", "--parallel=5", "--min-buffer=1",
                                     "--max-buffer=64k", "--max-length=200k", "-s3", e.uri});
  EXPECT_EQ(r.status, code(exit_status::done)) << r.errors;
  EXPECT_NE(r.output.find("seed 3: 50 conversations, 0 failed"), std::string::npos) << r.output;
  const auto alternating =
      run_tool(hvstress, {"-i", "3", "--alternate", "-m", "100k", "-L", "100k", e.uri});
  EXPECT_EQ(alternating.status, code(exit_status::done)) << alternating.errors;
  EXPECT_NE(alternating.output.find("307200 bytes sent, 307200 received"), std::string::npos)
      << alternating.output;
}

INSTANTIATE_TEST_SUITE_P(, HvstressSpoken, testing::Values("", "raw+"));

TEST(Hvstress, BothEndsLogTheChecksumsOfBothDirections) {
  echo e;
  const auto r = run_tool(hvstress, {"-v", "-i", "5", e.uri});
  e.program.signal(SIGTERM);
  EXPECT_EQ(e.program.wait(), code(exit_status::interrupted));
  const auto sent = all_of(r.errors, " sent_sha256=([0-9a-f]{64})");
  EXPECT_EQ(sent.size(), 5U) << r.errors;
  EXPECT_EQ(all_of(r.errors, "received_sha256=([0-9a-f]{64})"), sent);
  EXPECT_EQ(all_of(e.program.errors(), "msg=echoed.* sha256=([0-9a-f]{64})"), sent);
}

TEST(Hvstress, TheSeedThatIsPrintedRepeatsTheRun) {
  const echo e;
  const auto first = run_tool(hvstress, {"-v", "-i", "5", e.uri});
  const auto seeds = all_of(first.output, "seed ([0-9]+)");
  ASSERT_EQ(seeds.size(), 1U);
  const auto second = run_tool(hvstress, {"-v", "-i", "5", "--seed", seeds[0], e.uri});
  const std::string pattern = "(length=.*)\n";
  EXPECT_EQ(all_of(first.errors, pattern).size(), 5U);
  EXPECT_EQ(all_of(first.errors, pattern), all_of(second.errors, pattern));
}

TEST(Hvstress, AnyEchoWillDoAndInjectedFaultsLeaveItWell) {
  const temporary_directory d;
  const auto uri = "unix://" + (d / "s");
  tool server(hvcat, {"-lkev", uri});
  server.errors_until("listening");
  const auto r = run_tool(hvstress, {"--inject=100", "-i20", "-p3", "--json", "-s1", uri});
  EXPECT_EQ(r.status, code(exit_status::done)) << r.errors;
  EXPECT_NE(r.output.find(R"("conversations":60,"failed":0,"injected":60)"), std::string::npos)
      << r.output;
  const auto after = run_tool(hvstress, {"-i1", "--wait=0.001", uri});
  EXPECT_EQ(after.status, code(exit_status::done));
}

TEST(Hvstress, AWrongByteIsFoundWithItsOffsetAndFailsTheRun) {
  const temporary_directory d;
  const auto listener = listen_at(d / "s");
  tool client(hvstress, {"-i5", "-e", "-m10", "-L10", "-s9", "raw+unix://" + (d / "s")});
  const auto peer = accept_from(listener);
  std::string received;
  while (received.size() < 10) {
    std::array<char, 16> part{};
    const auto n = ::read(peer.get(), part.data(), part.size());
    ASSERT_GT(n, 0);
    received.append(part.data(), static_cast<std::size_t>(n));
  }
  received[7] = static_cast<char>(received[7] ^ 1);
  write_all(peer.get(), received);
  const auto output = client.output();
  EXPECT_EQ(client.wait(), code(exit_status::failure));
  EXPECT_NE(output.find("seed 9: 1 conversations, 1 failed"), std::string::npos) << output;
  EXPECT_NE(client.errors().find("seed=9 connection=0 iteration=0 err=\"wrong byte at 7\""),
            std::string::npos)
      << client.errors();
}

TEST(Hvstress, MissingBytesSilenceAndNobodyThereAreFailures) {
  const temporary_directory d;
  const auto uri = "raw+unix://" + (d / "s");
  {
    const auto listener = listen_at(d / "s");
    tool client(hvstress, {"-i1", "-m10", "-L10", "--json", uri});
    auto peer = accept_from(listener);
    std::string received;
    read_until(peer.get(), {}, received);
    write_all(peer.get(), received.substr(0, 4));
    peer.reset();
    EXPECT_NE(client.output().find("received 4 of 10 bytes"), std::string::npos);
    EXPECT_EQ(client.wait(), code(exit_status::failure));
    tool waiting(hvstress, {"-i1", "--timeout=0.05", uri});
    const auto silent = accept_from(listener);
    EXPECT_NE(waiting.errors().find("timed out"), std::string::npos);
    EXPECT_EQ(waiting.wait(), code(exit_status::failure));
  }
  const auto nobody = run_tool(hvstress, {"-i3", uri});
  EXPECT_EQ(nobody.status, code(exit_status::failure));
  EXPECT_NE(nobody.output.find("3 conversations, 3 failed"), std::string::npos);
}

TEST(Hvstress, MistakesAreUsageErrors) {
  EXPECT_EQ(run_tool(hvstress, {}).status, code(exit_status::usage));
  EXPECT_EQ(run_tool(hvstress, {"-m2", "-L1", "unix://a"}).status, code(exit_status::usage));
  EXPECT_EQ(run_tool(hvstress, {"--inject=101", "unix://a"}).status, code(exit_status::usage));
  EXPECT_EQ(run_tool(hvstress, {"nowhere"}).status, code(exit_status::usage));
  EXPECT_EQ(run_tool(hvstress, {"--help"}).status, code(exit_status::done));
}
