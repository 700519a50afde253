// Broken or malicious clients get the right answer and harm only themselves.
#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>
#include <filesystem>

#include "tests/e2e/contract/contract_test.hpp"

using e2e::task_api::ConnectRequest;
using e2e::task_api::ExecProcessRequest;
using e2e::task_api::StateRequest;
using e2e::task_api::WaitRequest;
using ttrpc::code;
namespace status = e2e::status;
namespace json = boost::json;

namespace {

constexpr std::size_t message_limit = std::size_t{4} << 20U;

class Abuse : public e2e::contract_test {
 protected:
  std::string shim_pid() { return std::to_string(ask(of<ConnectRequest>("nobody"))->shim_pid()); }

  std::size_t threads() {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& one :
         std::filesystem::directory_iterator("/proc/" + shim_pid() + "/task")) {
      ++n;
    }
    return n;
  }

  // A specification of exactly `size` bytes.
  std::string config_of(std::size_t size) {
    auto spec = shim().spec({"true"});
    spec["annotations"] = json::object{{"padding", ""}};
    const auto bare = json::serialize(spec).size();
    spec["annotations"].as_object()["padding"] = std::string(size - bare, 'x');
    auto text = json::serialize(spec);
    EXPECT_EQ(text.size(), size);
    return text;
  }
};

void expect_answer(const std::optional<e2e::raw_connection::response>& got, std::uint32_t stream,
                   code wanted, const std::string& text) {
  ASSERT_TRUE(got) << "no answer; wanted: " << text;
  EXPECT_EQ(got->stream, stream);
  EXPECT_EQ(got->code, static_cast<int>(wanted)) << got->message;
  EXPECT_TRUE(got->message.starts_with(text)) << got->message;
}

}  // namespace

TEST_F(Abuse, WhatCannotBeUnderstoodIsAnsweredAndTheConnectionLives) {
  auto client = shim().connect_raw();
  const std::string nothing;
  auto stream = client.request("Nope", nothing);
  expect_answer(client.receive(), stream, code::unimplemented, "method Nope");
  stream = client.request("State", nothing, "foo.Bar");
  expect_answer(client.receive(), stream, code::unimplemented, "service foo.Bar");
  stream = client.request("State", nothing, "");
  expect_answer(client.receive(), stream, code::unimplemented, "service ");
  for (const char* method : {"State", "Create", "Exec", "Kill", "Update", "Stats", "Wait"}) {
    stream = client.request(method, "\x0a\xff\xff\xff\xff\xff");
    expect_answer(client.receive(), stream, code::internal, "ttrpc: error unmarshalling payload: ");
  }
  stream = client.nonsense(1000);
  expect_answer(client.receive(), stream, code::invalid_argument, "unmarshal request error: ");
  stream = client.nonsense(message_limit);
  expect_answer(client.receive(), stream, code::invalid_argument, "unmarshal request error: ");
  stream = client.nonsense(message_limit + 1);
  expect_answer(client.receive(), stream, code::resource_exhausted,
                "message length 4194305 exceed maximum message size of 4194304");
  stream = client.request("Connect", of<ConnectRequest>("nobody").SerializeAsString());
  const auto alive = client.receive();
  ASSERT_TRUE(alive);
  EXPECT_EQ(alive->code, 0) << alive->message;
}

TEST_F(Abuse, SpecificationMayHaveEveryFieldThereIsAndNot) {
  auto spec = shim().spec({"sh", "-c", "exit 3"});
  const json::object unknown{{"type", "x"},
                             {"deep", json::array{1, 2.5, nullptr, json::object{{"a", true}}}}};
  spec["unknown"] = unknown;
  spec["windows"] = json::object{{"layerFolders", json::array{"C:\\"}}};
  spec["hooks"] = json::object{{"prestart", json::array{json::object{{"path", "/nonexistent"}}}}};
  for (const char* section : {"process", "root", "linux"}) {
    spec[section].as_object()["unknown"] = unknown;
  }
  spec["process"].as_object()["apparmorProfile"] = "no-such-profile";
  spec["process"].as_object()["selinuxLabel"] = "a:b:c:d";
  spec["linux"].as_object()["mountLabel"] = "a:b:c:d";
  spec["linux"].as_object()["intelRdt"] = json::object{{"closID", "x"}};
  EXPECT_EQ(wait(run(spec)), 3U);
}

TEST_F(Abuse, SpecificationOfNearlyFourMebibytesRunsAndALargerOneIsRefused) {
  const auto id = new_id();
  expect_ok(ask(create_request(id, config_of(message_limit - 4096))));
  start(id);
  EXPECT_EQ(wait(id), 0U);
  remove(id);

  // Specifications that are too long to be a message to the guest, or too long to be read.
  for (const auto size : {message_limit, message_limit + 1}) {
    const auto large = new_id();
    const auto refused = ask(create_request(large, config_of(size)));
    ASSERT_FALSE(refused);
    const auto got = refused.error().code();
    EXPECT_TRUE(got == flow::error_code(code::invalid_argument) ||
                got == flow::error_code(code::resource_exhausted))
        << refused.error().message();
    expect_error(ask(of<StateRequest>(large)), code::not_found, large);
    EXPECT_TRUE(shim().topics_of(large).empty());
  }
}

TEST_F(Abuse, ExecWithWhatIsNoProcess) {
  const auto id = run({"sleep", "1000"});
  for (const char* payload : {"", "{", "[]", "7", "\xff\xfe", "null"}) {
    auto request = of<ExecProcessRequest>(id, "e1");
    request.mutable_spec()->set_value(payload);
    expect_error(ask(request), code::invalid_argument, "process spec: ");
  }
  auto request = of<ExecProcessRequest>(id, "e1");
  request.mutable_spec()->set_value("{}");
  request.set_stdout("gopher:///x");
  expect_error(ask(request), code::invalid_argument, "unknown stdio scheme gopher");
  expect_error(ask(of<StateRequest>(id, "e1")), code::not_found, "process does not exist e1");
  // If only crun can refuse the process, its start fails.
  exec(id, "e2", {});
  EXPECT_FALSE(ask(of<e2e::task_api::StartRequest>(id, "e2")));
  remove(id, "e2");
  EXPECT_EQ(output_of(id, {"echo", "still here"}), "still here\n");
}

TEST_F(Abuse, HundredsOfBlockedWaitsCostNoThreads) {
  const auto id = run({"sleep", "1000"});
  const auto before = threads();
  auto client = shim().connect_raw();
  constexpr int waits = 500;
  for (int i = 0; i < waits; ++i) {
    client.request("Wait", of<WaitRequest>(id).SerializeAsString());
  }
  // This call is answered after the shim has read the calls before it.
  const auto last = client.request("State", of<StateRequest>(id).SerializeAsString());
  expect_answer(client.receive(), last, static_cast<code>(0), "");
  EXPECT_EQ(threads(), before);
  kill(id, SIGKILL);
  for (int i = 0; i < waits; ++i) {
    const auto answer = client.receive();
    ASSERT_TRUE(answer) << i;
    e2e::task_api::WaitResponse exit;
    EXPECT_TRUE(exit.ParseFromString(answer->payload));
    EXPECT_EQ(exit.exit_status(), 137U);
  }
}

TEST_F(Abuse, ClientThatStopsReadingHarmsOnlyItself) {
  const auto id = run({"sleep", "1000"});
  auto client = shim().connect_raw();
  const auto request = of<StateRequest>(id).SerializeAsString();
  // Sends until the shim reads no more.
  bool taken = true;
  for (int i = 0; taken && i < 1'000'000; ++i) {
    taken = client.try_request("State", request);
  }
  EXPECT_FALSE(taken) << "a million calls were taken though no answer was read";
  EXPECT_EQ(output_of(id, {"echo", "others are served"}), "others are served\n");
  kill(id, SIGKILL);
  EXPECT_EQ(wait(id), 137U);
}
