#include "shim/options.hpp"

#include <gtest/gtest.h>

using flow::errc;
using shim::options;
using shim::parse_options;
using action = shim::options::action;

namespace {

void expect_invalid(const std::vector<std::string>& arguments, const std::string& says) {
  const auto parsed = parse_options(arguments);
  ASSERT_FALSE(parsed) << says;
  EXPECT_EQ(parsed.error().code(), flow::error_code(errc::invalid_argument));
  EXPECT_NE(parsed.error().message().find(says), std::string::npos) << parsed.error().message();
}

}  // namespace

TEST(Options, StartAsContainerdCallsIt) {
  const auto parsed =
      parse_options({"-namespace", "k8s.io", "-address", "/run/containerd/containerd.sock",
                     "-publish-binary", "/usr/bin/containerd", "-id", "c1", "-debug", "start"});
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed.value().what, action::start);
  EXPECT_EQ(parsed.value().containerd_namespace, "k8s.io");
  EXPECT_EQ(parsed.value().address, "/run/containerd/containerd.sock");
  EXPECT_EQ(parsed.value().id, "c1");
  EXPECT_TRUE(parsed.value().debug);
}

TEST(Options, DeleteAsContainerdCallsIt) {
  const auto parsed =
      parse_options({"-namespace", "default", "-address", "/c.sock", "-publish-binary", "/c", "-id",
                     "c1", "-bundle", "/run/bundle", "delete"});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed.value().what, action::remove);
  EXPECT_EQ(parsed.value().bundle, "/run/bundle");
  EXPECT_FALSE(parsed.value().debug);
}

TEST(Options, WithoutAnActionItServes) {
  const auto parsed =
      parse_options({"-namespace", "default", "-id", "c1", "-socket", "/s", "-debug-socket", "/d"});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed.value().what, action::serve);
  EXPECT_EQ(parsed.value().socket, "/s");
}

TEST(Options, QuestionsAboutTheProgramNeedNothingElse) {
  EXPECT_EQ(parse_options({"-info"}).value().what, action::info);
  EXPECT_EQ(parse_options({"-v"}).value().what, action::version);
  EXPECT_EQ(parse_options({"-version"}).value().what, action::version);
  EXPECT_EQ(parse_options({"-h"}).value().what, action::help);
  EXPECT_EQ(parse_options({"--help"}).value().what, action::help);
}

TEST(Options, EveryFormOfAFlagThatGoKnows) {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"-id", "c1", "-namespace=ns"},
                                             {"--id", "c1", "--namespace=ns"},
                                             {"-id=c1", "-namespace", "ns"},
                                             {"--id=c1", "--namespace", "ns"}}) {
    const auto parsed = parse_options(arguments);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed.value().id, "c1");
    EXPECT_EQ(parsed.value().containerd_namespace, "ns");
  }
  EXPECT_TRUE(parse_options({"-id=c", "-namespace=n", "-debug=true"}).value().debug);
  EXPECT_FALSE(parse_options({"-id=c", "-namespace=n", "-debug=false"}).value().debug);
  EXPECT_EQ(parse_options({"-id=a=b", "-namespace=n"}).value().id, "a=b");
}

TEST(Options, ValueMayLookLikeAFlagOrAnAction) {
  const auto parsed = parse_options({"-namespace", "-n", "-id", "start", "delete"});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed.value().containerd_namespace, "-n");
  EXPECT_EQ(parsed.value().id, "start");
  EXPECT_EQ(parsed.value().what, action::remove);
}

TEST(Options, WhatIsWrongIsNamed) {
  expect_invalid({}, "namespace cannot be empty");
  expect_invalid({"-id", "c1", "start"}, "namespace cannot be empty");
  expect_invalid({"-namespace", "", "-id", "c1", "start"}, "namespace cannot be empty");
  expect_invalid({"-namespace", "n", "start"}, "id cannot be empty");
  expect_invalid({"-namespace", "n", "-id", "c1", "restart"}, "unknown action restart");
  expect_invalid({"-namespace", "n", "-wings", "2"}, "unknown flag -wings");
  expect_invalid({"-namespace", "n", "-id"}, "flag -id needs a value");
  expect_invalid({"-publish-binary"}, "flag -publish-binary needs a value");
}
