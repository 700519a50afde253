#include "runtime_api/ttrpc/status.hpp"

#include <gtest/gtest.h>

#include <boost/asio/error.hpp>
#include <cerrno>

#include "google/rpc/status.pb.h"

namespace {

using flow::errc;
using flow::error;
using ttrpc::code;

google::rpc::Status status(int number, std::string message) {
  google::rpc::Status s;
  s.set_code(number);
  s.set_message(std::move(message));
  return s;
}

}  // namespace

TEST(TtrpcStatus, NamedCodeTravelsWithItsContextAlone) {
  const auto s = ttrpc::to_status(error(code::not_found, "process does not exist e1").in("exec"));
  EXPECT_EQ(s.code(), 5);
  EXPECT_EQ(s.message(), "exec: process does not exist e1");
}

TEST(TtrpcStatus, CodeWithoutContextTravelsWithItsText) {
  EXPECT_EQ(ttrpc::to_status(error(code::deadline_exceeded)).message(), "deadline exceeded");
}

TEST(TtrpcStatus, OtherErrorsTravelWithTheirWholeMessage) {
  const auto s = ttrpc::to_status(flow::system_error(EACCES, "open /dev/kvm"));
  EXPECT_EQ(s.code(), 7);
  EXPECT_EQ(s.message(), "open /dev/kvm: Permission denied");
}

TEST(TtrpcStatus, EveryFlowErrorHasACode) {
  const auto number = [](errc e) { return static_cast<int>(ttrpc::code_of(e)); };
  EXPECT_EQ(number(errc::truncated), 14);
  EXPECT_EQ(number(errc::reset), 14);
  EXPECT_EQ(number(errc::timed_out), 4);
  EXPECT_EQ(number(errc::aborted), 1);
  EXPECT_EQ(number(errc::protocol), 13);
  EXPECT_EQ(number(errc::frame_too_large), 8);
  EXPECT_EQ(number(errc::closed), 14);
  EXPECT_EQ(number(errc::invalid_argument), 3);
  EXPECT_EQ(number(errc::unsupported), 12);
  EXPECT_EQ(number(errc::unavailable), 14);
}

TEST(TtrpcStatus, ErrnoMapsToTheNearestCodeElseUnknown) {
  const auto number = [](int e) {
    return static_cast<int>(ttrpc::code_of(flow::system_error(e, "x").code()));
  };
  EXPECT_EQ(number(ENOENT), 5);
  EXPECT_EQ(number(ESRCH), 5);
  EXPECT_EQ(number(EEXIST), 6);
  EXPECT_EQ(number(EPERM), 7);
  EXPECT_EQ(number(EINVAL), 3);
  EXPECT_EQ(number(EBUSY), 9);
  EXPECT_EQ(number(ENOSPC), 8);
  EXPECT_EQ(number(ENOSYS), 12);
  EXPECT_EQ(number(ETIMEDOUT), 4);
  EXPECT_EQ(number(ECANCELED), 1);
  EXPECT_EQ(number(ERANGE), 11);
  EXPECT_EQ(number(ECONNREFUSED), 14);
  EXPECT_EQ(number(EIO), 2);
  EXPECT_EQ(static_cast<int>(
                ttrpc::code_of(boost::asio::error::make_error_code(boost::asio::error::eof))),
            14);
}

TEST(TtrpcStatus, MessageIsUtf8WhateverTheErrorHolds) {
  EXPECT_EQ(ttrpc::to_status(error(code::internal, "bad \xff\xc0\xaf id")).message(), "bad ??? id");
}

TEST(TtrpcStatus, ReceivedStatusBecomesTheErrorThatWasSent) {
  const error e = ttrpc::from_status(status(6, "id e1"));
  EXPECT_EQ(e.code(), code::already_exists);
  EXPECT_EQ(e.message(), "id e1: already exists");
}

TEST(TtrpcStatus, TextOfTheCodeIsNotSaidTwice) {
  EXPECT_EQ(ttrpc::from_status(status(5, "no container x: not found")).message(),
            "no container x: not found");
  EXPECT_EQ(ttrpc::from_status(status(5, "not found")).message(), "not found");
}

TEST(TtrpcStatus, CodeWithoutANameIsUnknown) {
  for (const int number : {-1, 17, 1000}) {
    EXPECT_EQ(ttrpc::from_status(status(number, "x")).code(), code::unknown);
  }
}

TEST(TtrpcStatus, EveryCodeSurvivesTheWayThereAndBack) {
  for (int i = 1; i <= 16; ++i) {
    const error sent(static_cast<code>(i), "context");
    const error received = ttrpc::from_status(ttrpc::to_status(sent));
    EXPECT_EQ(received.code(), sent.code());
    EXPECT_EQ(received.message(), sent.message());
    EXPECT_EQ(received.code().message() == "unknown", i == 2) << i;
  }
}
