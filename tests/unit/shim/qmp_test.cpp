#include "shim/vm/qemu/qmp.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>

#include "flow/task_group.hpp"
#include "tests/support/co_test.hpp"

using flow::awaitable;
using flow::errc;
using flow::result;
using tests::co_test;
namespace json = boost::json;

namespace {

constexpr const char* greeting = R"({"QMP": {"version": {}, "capabilities": []}})";

std::array<int, 2> make_pair() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  return ends;
}

// QEMU's end in the test's hands, with the monitor running on the other.
struct qmp_bench {
  explicit qmp_bench(boost::asio::any_io_executor executor, std::array<int, 2> ends = make_pair())
      : qemu(executor, boost::asio::local::stream_protocol(), ends[0]),
        monitor(executor, flow::unique_fd(ends[1]),
                [this](const std::string& name, const json::object& data) {
                  events.push_back(name + json::serialize(data));
                }),
        tasks(executor, [](const std::string& name, const std::exception_ptr& failure) {
          ADD_FAILURE() << name << ": " << flow::describe(failure);
        }) {
    // As the shim does.
    ::signal(SIGPIPE, SIG_IGN);
    tasks.spawn("run", monitor.run());
  }

  awaitable<void> say(std::string line) {
    line += "\n";
    const auto buffer = flow::asio::buffer(line);
    static_cast<void>(co_await boost::asio::async_write(qemu, buffer, flow::as_result));
  }

  // The next command, "" at the end.
  awaitable<json::object> heard() {
    const auto buffer = boost::asio::dynamic_buffer(input);
    const auto r = co_await boost::asio::async_read_until(qemu, buffer, '\n', flow::as_result);
    const auto& [ec, n] = r;
    if (ec) {
      co_return json::object();
    }
    auto command = json::parse(input.substr(0, n)).as_object();
    input.erase(0, n);
    co_return command;
  }

  awaitable<void> answer(json::object command, std::string what) {
    co_await say("{\"id\": " + json::serialize(command["id"]) + ", " + what + "}");
  }

  // Greets, and agrees to the capabilities.
  awaitable<void> negotiate() {
    co_await say(greeting);
    const auto command = co_await heard();
    EXPECT_EQ(command.at("execute"), "qmp_capabilities");
    co_await answer(command, R"("return": {})");
  }

  void execute(const std::string& command, json::object arguments = {}) {
    tasks.spawn("execute", keep(monitor.execute(command, std::move(arguments))));
  }
  awaitable<void> keep(awaitable<result<json::value>> call) { outcome = co_await std::move(call); }

  awaitable<void> stop() {
    qemu.close();
    co_await tasks.join();
  }

  boost::asio::local::stream_protocol::socket qemu;
  std::string input;
  std::vector<std::string> events;
  std::optional<result<json::value>> outcome;
  shim::qmp monitor;
  flow::task_group tasks;
};

void expect_failure(const qmp_bench& b, errc wanted) {
  EXPECT_TRUE(b.outcome);
  if (b.outcome) {
    EXPECT_FALSE(*b.outcome);
    EXPECT_EQ(b.outcome->error().code(), flow::error_code(wanted)) << b.outcome->error().message();
  }
}

}  // namespace

TEST(Qmp, CommandIsSentWithItsArgumentsAfterTheCapabilities) {
  co_test([](auto executor) -> awaitable<void> {
    qmp_bench b(executor);
    json::object arguments{{"id", "disk"}};
    b.execute("device_del", arguments);
    co_await b.negotiate();
    const auto command = co_await b.heard();
    EXPECT_EQ(command.at("execute"), "device_del");
    EXPECT_EQ(command.at("arguments"), json::value(arguments));
    co_await b.answer(command, R"("return": {"status": "ok"})");
    while (!b.outcome) {
      co_await boost::asio::post(executor, boost::asio::use_awaitable);
    }
    EXPECT_TRUE(*b.outcome);
    EXPECT_EQ(b.outcome->value().at("status"), "ok");
    co_await b.stop();
  });
}

TEST(Qmp, CapabilitiesAreNegotiatedOnce) {
  co_test([](auto executor) -> awaitable<void> {
    qmp_bench b(executor);
    b.execute("stop");
    co_await b.negotiate();
    auto command = co_await b.heard();
    co_await b.answer(command, R"("return": {})");
    while (!b.outcome) {
      co_await boost::asio::post(executor, boost::asio::use_awaitable);
    }
    b.execute("cont");
    command = co_await b.heard();
    EXPECT_EQ(command.at("execute"), "cont");
    co_await b.answer(command, R"("return": {})");
    co_await b.stop();
  });
}

TEST(Qmp, ErrorCarriesWhatQemuSaysOfIt) {
  co_test([](auto executor) -> awaitable<void> {
    qmp_bench b(executor);
    b.execute("device_del");
    co_await b.negotiate();
    const auto command = co_await b.heard();
    co_await b.answer(command, R"("error": {"class": "X", "desc": "Device 'a' not found"})");
    while (!b.outcome) {
      co_await boost::asio::post(executor, boost::asio::use_awaitable);
    }
    expect_failure(b, errc::unavailable);
    EXPECT_NE(b.outcome->error().message().find("Device 'a' not found"), std::string::npos);
    co_await b.stop();
  });
}

TEST(Qmp, AnswersThatAreNoneAreAProtocolError) {
  for (const char* answer : {R"("error": {"desc": 5})", R"("error": "x")", R"("x": 1)"}) {
    co_test([answer](auto executor) -> awaitable<void> {
      qmp_bench b(executor);
      b.execute("stop");
      co_await b.negotiate();
      const auto command = co_await b.heard();
      co_await b.answer(command, answer);
      while (!b.outcome) {
        co_await boost::asio::post(executor, boost::asio::use_awaitable);
      }
      expect_failure(b, errc::protocol);
      co_await b.stop();
    });
  }
}

TEST(Qmp, EventsAreToldBetweenAnswers) {
  co_test([](auto executor) -> awaitable<void> {
    qmp_bench b(executor);
    b.execute("stop");
    co_await b.negotiate();
    const auto command = co_await b.heard();
    co_await b.say(R"({"event": "STOP", "timestamp": {}})");
    co_await b.say(R"({"event": "SHUTDOWN", "data": {"reason": "guest-reset"}})");
    co_await b.say(R"({"event": 5, "data": {}})");
    co_await b.say(R"({"event": "ODD", "data": []})");
    co_await b.answer(command, R"("return": {})");
    while (!b.outcome) {
      co_await boost::asio::post(executor, boost::asio::use_awaitable);
    }
    const std::vector<std::string> wanted{"STOP{}", R"(SHUTDOWN{"reason":"guest-reset"})", "ODD{}"};
    EXPECT_EQ(b.events, wanted);
    co_await b.stop();
  });
}

TEST(Qmp, AnswersToNobodyAreIgnored) {
  co_test([](auto executor) -> awaitable<void> {
    qmp_bench b(executor);
    b.execute("stop");
    co_await b.negotiate();
    const auto command = co_await b.heard();
    co_await b.say(R"({"id": 999, "return": {}})");
    co_await b.say(R"({"id": "stop", "return": {}})");
    co_await b.say(R"({"return": {}})");
    co_await b.say("{}");
    co_await b.answer(command, R"("return": {"mine": 1})");
    while (!b.outcome) {
      co_await boost::asio::post(executor, boost::asio::use_awaitable);
    }
    EXPECT_TRUE(*b.outcome);
    EXPECT_TRUE(b.outcome->value().as_object().contains("mine"));
    co_await b.stop();
  });
}

TEST(Qmp, GarbageEndsTheMonitorAndFailsTheCall) {
  for (const char* garbage : {"hello", "[1]", "{\"id\": 1", "\xff\xfe"}) {
    co_test([garbage](auto executor) -> awaitable<void> {
      qmp_bench b(executor);
      b.execute("stop");
      co_await b.negotiate();
      co_await b.heard();
      co_await b.say(garbage);
      co_await b.tasks.join();
      expect_failure(b, errc::protocol);
    });
  }
}

TEST(Qmp, LineWithoutAnEndIsNotHeldForever) {
  co_test([](auto executor) -> awaitable<void> {
    qmp_bench b(executor);
    b.execute("stop");
    co_await b.negotiate();
    co_await b.heard();
    flow::task_group writer(executor, [](const std::string&, const std::exception_ptr&) {});
    writer.spawn("qemu", b.say(std::string(std::size_t{4} << 20U, 'x')));
    co_await b.tasks.join();
    expect_failure(b, errc::protocol);
    b.qemu.close();
    co_await writer.join();
  });
}

TEST(Qmp, EndOfQemuFailsTheCallUnderWayAndEveryLaterOne) {
  co_test([](auto executor) -> awaitable<void> {
    qmp_bench b(executor);
    b.execute("stop");
    co_await b.negotiate();
    co_await b.heard();
    b.qemu.close();
    co_await b.tasks.join();
    expect_failure(b, errc::closed);
    const auto later = co_await b.monitor.execute("cont");
    EXPECT_EQ(later.error().code(), flow::error_code(errc::closed));
  });
}

TEST(Qmp, QemuThatNeverGreetsFailsTheCallWhenItEnds) {
  co_test([](auto executor) -> awaitable<void> {
    qmp_bench b(executor);
    b.execute("stop");
    b.qemu.close();
    co_await b.tasks.join();
    expect_failure(b, errc::closed);
  });
}
