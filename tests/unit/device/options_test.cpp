#include "flow/device/options.hpp"

#include <gtest/gtest.h>

#include <vector>

using flow::device::parse_options;

namespace {

flow::result<flow::device::options> parse(std::vector<const char*> arguments) {
  return parse_options(arguments);
}

std::string complaint(std::vector<const char*> arguments) {
  const auto o = parse(std::move(arguments));
  return o ? "" : o.error().context();
}

}  // namespace

TEST(VsockdOptions, UplinkForm) {
  const auto o = parse({"--vhost-fd", "3", "--guest-cid", "4294967294", "--uplink-fd", "4"});
  ASSERT_TRUE(o);
  EXPECT_EQ(o->vhost_fd, 3);
  EXPECT_EQ(o->guest_cid, 4294967294U);
  EXPECT_EQ(o->uplink_fd, 4);
  EXPECT_EQ(o->level, flow::log::level::info);
  EXPECT_FALSE(o->unconfined);
}

TEST(VsockdOptions, HybridForm) {
  const auto o = parse({"--hybrid", "/run/v.sock", "--vhost-socket", "/run/vhost", "--guest-cid",
                        "3", "--log-level", "debug", "--unconfined"});
  ASSERT_TRUE(o);
  EXPECT_EQ(o->hybrid_path, "/run/v.sock");
  EXPECT_EQ(o->vhost_socket, "/run/vhost");
  EXPECT_EQ(o->level, flow::log::level::debug);
  EXPECT_TRUE(o->unconfined);
}

TEST(VsockdOptions, HelpNeedsNothingElse) {
  const auto o = parse({"--help"});
  ASSERT_TRUE(o);
  EXPECT_TRUE(o->help);
}

TEST(VsockdOptions, EveryOptionIsInTheUsage) {
  for (const char* name : {"--vhost-fd", "--vhost-socket", "--guest-cid", "--uplink-fd", "--hybrid",
                           "--log-level", "--unconfined"}) {
    EXPECT_NE(flow::device::usage().find(name), std::string_view::npos) << name;
  }
}

TEST(VsockdOptions, WrongOnesAreNamed) {
  EXPECT_EQ(complaint({"--frobnicate", "1"}), "unknown option --frobnicate");
  EXPECT_EQ(complaint({"stray"}), "unknown option stray");
  EXPECT_EQ(complaint({"--guest-cid"}), "--guest-cid needs a value");
  EXPECT_EQ(complaint({"--log-level", "loud"}), "loud is not a value for --log-level");
}

TEST(VsockdOptions, NumbersAreWholeAndInRange) {
  for (const char* cid : {"", "0", "1", "2", "4294967295", "4294967296", "-5", "+5", "5x", " 5"}) {
    EXPECT_EQ(complaint({"--guest-cid", cid}),
              std::string(cid) + " is not a value for --guest-cid");
  }
  for (const char* fd : {"", "-1", "x", "99999999999"}) {
    EXPECT_EQ(complaint({"--vhost-fd", fd}), std::string(fd) + " is not a value for --vhost-fd");
  }
}

TEST(VsockdOptions, ExactlyOneOfEachAlternative) {
  EXPECT_EQ(complaint({"--guest-cid", "3", "--uplink-fd", "4"}),
            "give either --vhost-fd or --vhost-socket");
  EXPECT_EQ(
      complaint({"--guest-cid", "3", "--uplink-fd", "4", "--vhost-fd", "5", "--vhost-socket", "x"}),
      "give either --vhost-fd or --vhost-socket");
  EXPECT_EQ(complaint({"--guest-cid", "3", "--vhost-fd", "5"}),
            "give either --uplink-fd or --hybrid");
  EXPECT_EQ(complaint({"--guest-cid", "3", "--vhost-fd", "5", "--uplink-fd", "4", "--hybrid", "x"}),
            "give either --uplink-fd or --hybrid");
  EXPECT_EQ(complaint({"--vhost-fd", "5", "--uplink-fd", "4"}), "--guest-cid is missing");
}
