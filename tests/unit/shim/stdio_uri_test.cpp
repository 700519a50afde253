#include "shim/io/stdio_uri.hpp"

#include <gtest/gtest.h>

using kind = shim::stdio_uri::kind;
using shim::parse_stdio_uri;

namespace {

void expect_parsed(std::string_view uri, kind what, std::string_view path) {
  const auto parsed = parse_stdio_uri(uri);
  EXPECT_EQ(parsed.what, what) << uri;
  EXPECT_EQ(parsed.path, path) << uri;
}

}  // namespace

TEST(StdioUri, EveryFormOfAName) {
  expect_parsed("", kind::none, "");
  expect_parsed("/run/fifo/out", kind::path, "/run/fifo/out");
  expect_parsed("fifo:///run/out", kind::path, "/run/out");
  expect_parsed("file:///var/log/c1", kind::file, "/var/log/c1");
}

TEST(StdioUri, UnknownSchemeIsNamed) {
  for (const char* scheme : {"npipe", "grpc+unix", "FILE", ""}) {
    const auto parsed = parse_stdio_uri(std::string(scheme) + ":///x");
    EXPECT_EQ(parsed.what, kind::unknown) << scheme;
    EXPECT_EQ(parsed.scheme, scheme);
  }
}

TEST(StdioUri, LoggersHaveAQuery) {
  const auto parsed =
      parse_stdio_uri("binary:///usr/bin/logger?size=10m&tag=a+b%3D&flag&=x&&size=2");
  EXPECT_EQ(parsed.what, kind::binary);
  EXPECT_EQ(parsed.scheme, "binary");
  EXPECT_EQ(parsed.path, "/usr/bin/logger");
  const std::vector<std::pair<std::string, std::string>> wanted{
      {"size", "10m"}, {"tag", "a b="}, {"flag", ""}, {"", "x"}, {"size", "2"}};
  EXPECT_EQ(parsed.query, wanted);
  expect_parsed("binary-v2:///usr/bin/my+logger", kind::binary, "/usr/bin/my+logger");
}

TEST(StdioUri, StreamsAreNamedByTheirIdNotByTheSocket) {
  expect_parsed("ttrpc+unix:///run/containerd/s/1234?streaming_id=c1-stdout", kind::stream,
                "c1-stdout");
  expect_parsed("ttrpc+unix:///run/containerd/s/1234", kind::stream, "");
  expect_parsed("stream://c1-stdin", kind::stream, "c1-stdin");
}

TEST(StdioUri, PathIsNotTakenForAUri) {
  expect_parsed("/tmp/a://b", kind::path, "/tmp/a://b");
  expect_parsed("/tmp/100%25", kind::path, "/tmp/100%25");
  expect_parsed("/tmp/what?", kind::path, "/tmp/what?");
}

TEST(StdioUri, EscapesOfAUriAreBytesOfThePath) {
  expect_parsed("file:///var/log/my%20app%3F", kind::file, "/var/log/my app?");
  expect_parsed("file:///a%2fb", kind::file, "/a/b");
  expect_parsed("fifo:///a%41", kind::path, "/aA");
}

TEST(StdioUri, EscapesThatAreNoneStayAsTheyAre) {
  for (const char* path : {"/%", "/%4", "/%zz", "/%-1", "/%4g"}) {
    expect_parsed(std::string("file://") + path, kind::file, path);
  }
}

TEST(StdioUri, QueryIsNotAPartOfThePath) {
  expect_parsed("file:///var/log/c1?max=5", kind::file, "/var/log/c1");
}
