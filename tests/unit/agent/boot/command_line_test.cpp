#include "agent/boot/command_line.hpp"

#include <gtest/gtest.h>

using agent::parse_command_line;
using flow::errc;

namespace {

void expect_refused(std::string_view text) {
  SCOPED_TRACE(std::string(text));
  const auto parsed = parse_command_line(text);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code(), errc::invalid_argument);
}

}  // namespace

TEST(CommandLine, TakesOursFromAmongOthers) {
  const auto parsed =
      parse_command_line("console=ttyS0 quiet hvsock.port=1024 hvsock.debug panic=-1\n");
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->port, 1024U);
  EXPECT_TRUE(parsed->debug);
  EXPECT_FALSE(parsed->probe);
}

TEST(CommandLine, TakesEveryPortThatExists) {
  EXPECT_EQ(parse_command_line("hvsock.port=1")->port, 1U);
  EXPECT_EQ(parse_command_line("hvsock.port=4294967295")->port, 4294967295U);
}

TEST(CommandLine, AProbeNeedsNoPort) {
  const auto parsed = parse_command_line("hvsock.probe");
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->probe);
}

TEST(CommandLine, SpacesOfAnyKindSeparate) {
  const auto parsed = parse_command_line("  a\thvsock.port=7\t\thvsock.debug  \n");
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->port, 7U);
  EXPECT_TRUE(parsed->debug);
}

TEST(CommandLine, AMissingPortIsRefusedByName) {
  for (const char* text : {"", "\n", "console=ttyS0", "xhvsock.port=1", "HVSOCK.PORT=1"}) {
    expect_refused(text);
    EXPECT_NE(parse_command_line(text).error().message().find("hvsock.port"), std::string::npos);
  }
}

TEST(CommandLine, APortThatIsNoneIsRefused) {
  expect_refused("hvsock.port");
  expect_refused("hvsock.port=");
  expect_refused("hvsock.port=0");
  expect_refused("hvsock.port=-1");
  expect_refused("hvsock.port=+1");
  expect_refused("hvsock.port=4294967296");
  expect_refused("hvsock.port=99999999999999999999999");
  expect_refused("hvsock.port=0x10");
  expect_refused("hvsock.port=12a");
  expect_refused("hvsock.port=1.5");
  expect_refused("hvsock.port=\"12\"");
  expect_refused("hvsock.port=12,hvsock.debug");
}

TEST(CommandLine, AWrongPortIsNotSavedByARightOne) {
  expect_refused("hvsock.port=x hvsock.port=12");
  expect_refused("hvsock.port=12 hvsock.port=x");
}

TEST(CommandLine, OursInAFormWeDoNotKnowIsRefused) {
  expect_refused("hvsock.port=1 hvsock.debug=1");
  expect_refused("hvsock.probe=yes");
  expect_refused("hvsock.port=1 hvsock.prot=2");
}

TEST(CommandLine, WhatStandsInQuotesBelongsToTheOther) {
  const auto parsed =
      parse_command_line("dyndbg=\"file x hvsock.debug hvsock.port=9 +p\" hvsock.port=5");
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->port, 5U);
  EXPECT_FALSE(parsed->debug);
}

TEST(CommandLine, AQuoteThatIsNotClosedTakesTheRest) {
  expect_refused("a=\"b hvsock.port=5");
}
