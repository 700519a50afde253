// hvbench as a program, and the arithmetic of its results.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <csignal>

#include "flow/tools/bench_protocol.hpp"
#include "flow/tools/exit_status.hpp"
#include "flow/tools/measurement.hpp"
#include "tests/unit/flow_tools/tool.hpp"

using namespace std::chrono_literals;
using namespace tests;
using namespace flow::tools;

namespace {

const std::string hvbench = HVBENCH_PATH;

constexpr int code(exit_status s) {
  return static_cast<int>(s);
}

}  // namespace

TEST(Distribution, PercentilesAreSamples) {
  distribution d;
  EXPECT_EQ(d.percentile(0.5), 0ns);
  for (int i = 1000; i >= 1; --i) {
    d.add(std::chrono::nanoseconds(i));
  }
  EXPECT_EQ(d.percentile(0), 1ns);
  EXPECT_EQ(d.percentile(0.5), 500ns);
  EXPECT_EQ(d.percentile(0.9), 900ns);
  EXPECT_EQ(d.percentile(0.99), 990ns);
  EXPECT_EQ(d.percentile(0.999), 999ns);
  EXPECT_EQ(d.percentile(1), 1000ns);
  EXPECT_EQ(d.between(0ns, 10ns), 9U);
  EXPECT_EQ(d.between(10ns, 20ns), 10U);
}

TEST(BenchProtocol, RequestsOfOthersAreRefused) {
  const bench_request r{bench_mode::download, 4096, 1234};
  auto bytes = encode(r);
  const auto same = decode(bytes);
  EXPECT_TRUE(same && same->mode == r.mode && same->size == r.size &&
              same->milliseconds == r.milliseconds);
  bytes[0] ^= std::byte{1};
  EXPECT_FALSE(decode(bytes));
  EXPECT_FALSE(decode(encode(bench_request{static_cast<bench_mode>(5), 1, 0})));
  EXPECT_FALSE(decode(encode(bench_request{bench_mode::latency, 0, 0})));
  EXPECT_FALSE(decode(encode(bench_request{bench_mode::latency, max_bench_size + 1, 0})));
  const auto report = decode(encode(bench_report{1, 2, 3}));
  EXPECT_EQ(report.bytes, 1U);
  EXPECT_EQ(report.nanoseconds, 2U);
  EXPECT_EQ(report.cpu_nanoseconds, 3U);
}

class HvbenchSpoken : public testing::TestWithParam<std::string> {};

TEST_P(HvbenchSpoken, MeasuresEverythingAndReportsItInJson) {
  const temporary_directory d;
  const auto uri = GetParam() + "unix://" + (d / "s");
  tool server(hvbench, {"--listen", "--verbose", uri});
  server.errors_until("listening");
  const auto r =
      run_tool(hvbench, {"--json", "--time=0.01", "--sizes=8,4k,1M", "--connects=20", uri});
  ASSERT_EQ(r.status, code(exit_status::done)) << r.errors;
  const auto all = boost::json::parse(r.output);
  EXPECT_EQ(all.at("address").as_string(), uri);
  EXPECT_EQ(all.at("framed").as_bool(), GetParam().empty());
  const auto& results = all.at("results").as_array();
  ASSERT_EQ(results.size(), 10U);  // three sizes, three ways, and connecting
  std::size_t i = 0;
  for (const char* way : {"upload", "download", "latency"}) {
    for (const int size : {8, 4096, 1048576}) {
      const auto& m = results[i++];
      EXPECT_EQ(m.at("measurement").as_string(), way);
      EXPECT_EQ(m.at("size").as_int64(), size);
      if (way == std::string("latency")) {
        EXPECT_GT(m.at("round_trips").as_int64(), 0);
        EXPECT_GE(m.at("microseconds").at("p99.9").as_double(),
                  m.at("microseconds").at("p50").as_double());
      } else {
        EXPECT_GE(m.at("bytes").as_int64(), size);
        EXPECT_GT(m.at("megabytes_per_second").as_double(), 0);
        EXPECT_GE(m.at("receiver_cpu_ns_per_byte").as_double(), 0);
        EXPECT_GE(m.at("sender_cpu_ns_per_byte").as_double(), 0);
      }
    }
  }
  const auto& connect = results[i];
  EXPECT_EQ(connect.at("connects").as_int64(), 20);
  EXPECT_EQ(connect.at("errors").as_int64(), 0);
  std::int64_t counted = 0;
  for (const auto& bucket : connect.at("histogram").as_array()) {
    counted += bucket.at("count").as_int64();
  }
  EXPECT_EQ(counted, 20);
  server.signal(SIGINT);
  EXPECT_EQ(server.wait(), code(exit_status::interrupted));
  EXPECT_EQ(server.errors().find("failed"), std::string::npos) << server.errors();
}

INSTANTIATE_TEST_SUITE_P(, HvbenchSpoken, testing::Values("", "raw+"));

TEST(Hvbench, MeasuresOnlyWhatIsAskedForAndPrintsATable) {
  const temporary_directory d;
  const auto uri = "unix://" + (d / "s");
  tool server(hvbench, {"-lv", uri});
  server.errors_until("listening");
  const auto lines = [&](const std::string& option) {
    return run_tool(hvbench, {option, "-t0.005", "-s64", "-n3", uri}).output;
  };
  EXPECT_EQ(lines("--upload").find("upload         64 B"), 0U);
  EXPECT_EQ(lines("--download").find("download       64 B"), 0U);
  EXPECT_EQ(lines("--latency").find("latency        64 B  p50 "), 0U);
  const auto connect = lines("--connect");
  EXPECT_EQ(connect.find("connect  "), 0U);
  EXPECT_NE(connect.find(" 0 errors"), std::string::npos);
}

TEST(Hvbench, AnotherPeerOrNobodyIsAFailure) {
  const temporary_directory d;
  const auto uri = "unix://" + (d / "s");
  EXPECT_EQ(run_tool(hvbench, {"-U", uri}).status, code(exit_status::failure));
  const auto none = run_tool(hvbench, {"-C", "-n2", uri});
  EXPECT_NE(none.output.find(" 2 errors"), std::string::npos) << none.output;
  tool server(hvbench, {"-l", "raw+" + uri});
  const auto peer = connect_to(d / "s");
  write_all(peer.get(), std::string(20, 'x'));
  server.errors_until("not a request of hvbench");
}

TEST(Hvbench, MistakesAreUsageErrors) {
  EXPECT_EQ(run_tool(hvbench, {}).status, code(exit_status::usage));
  EXPECT_EQ(run_tool(hvbench, {"--sizes=8,", "unix://a"}).status, code(exit_status::usage));
  EXPECT_EQ(run_tool(hvbench, {"--sizes=17M", "unix://a"}).status, code(exit_status::usage));
  EXPECT_EQ(run_tool(hvbench, {"--time=9999", "unix://a"}).status, code(exit_status::usage));
  EXPECT_EQ(run_tool(hvbench, {"nowhere"}).status, code(exit_status::usage));
  EXPECT_EQ(run_tool(hvbench, {"--help"}).status, code(exit_status::done));
}
