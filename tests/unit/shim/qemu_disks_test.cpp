#include "shim/vm/qemu/disks.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>

#include "flow/task_group.hpp"
#include "flow/testing/manual_clock.hpp"
#include "runtime_api/guest/contract.hpp"
#include "shim/config/limits.hpp"
#include "tests/support/co_test.hpp"
#include "tests/support/settle.hpp"

using flow::awaitable;
using tests::co_test;
using tests::settle;
namespace json = boost::json;

namespace {

// QEMU's end of the monitor: answers every command, and keeps what it was handed.
class fake_qemu {
 public:
  explicit fake_qemu(const boost::asio::any_io_executor& executor)
      : fake_qemu(executor, make_pair()) {}

  awaitable<void> serve() {
    co_await say(R"({"QMP": {"version": {}, "capabilities": []}})");
    for (;;) {
      const auto r =
          co_await socket_.async_wait(boost::asio::socket_base::wait_read, flow::as_result);
      if (std::get<0>(r) || !receive()) {
        co_return;
      }
      while (const auto end = input_.find('\n') + 1) {
        auto command = json::parse(input_.substr(0, end)).as_object();
        input_.erase(0, end);
        co_await answer(std::move(command));
      }
    }
  }

  awaitable<void> say(std::string line) {
    line += "\n";
    const auto buffer = flow::asio::buffer(line);
    static_cast<void>(co_await boost::asio::async_write(socket_, buffer, flow::as_result));
  }

  void close() { socket_.close(); }

  std::vector<std::string> commands;  // names, without the negotiation
  json::object last_arguments;
  std::vector<flow::unique_fd> descriptors;
  std::string refused;  // a command that fails

  shim::qmp monitor;

 private:
  fake_qemu(const boost::asio::any_io_executor& executor, std::array<int, 2> ends)
      : monitor(executor, flow::unique_fd(ends[1]), [](const std::string&, const json::object&) {}),
        socket_(executor, boost::asio::local::stream_protocol(), ends[0]) {
    ::signal(SIGPIPE, SIG_IGN);
  }

  static std::array<int, 2> make_pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    return ends;
  }

  bool receive() {
    std::array<char, 4096> data{};
    alignas(cmsghdr) std::array<char, 64> control{};
    iovec part{data.data(), data.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const auto n = ::recvmsg(socket_.native_handle(), &message, MSG_CMSG_CLOEXEC);
    if (n <= 0) {
      return false;
    }
    if (const auto* header = CMSG_FIRSTHDR(&message); header != nullptr) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
      descriptors.emplace_back(fd);
    }
    input_.append(data.data(), static_cast<std::size_t>(n));
    return true;
  }

  awaitable<void> answer(json::object command) {
    const std::string name(command["execute"].as_string());
    if (name != "qmp_capabilities") {
      commands.push_back(name);
    }
    if (const auto* arguments = command.if_contains("arguments"); arguments != nullptr) {
      last_arguments = arguments->as_object();
    }
    const auto id = json::serialize(command["id"]);
    const char* what = name == refused
                           ? R"("error": {"class": "GenericError", "desc": "no such thing"})"
                           : R"("return": {})";
    co_await say("{\"id\": " + id + ", " + what + "}");
  }

  boost::asio::local::stream_protocol::socket socket_;
  std::string input_;
};

struct disks_bench {
  explicit disks_bench(const boost::asio::any_io_executor& executor)
      : qemu(executor),
        disks(executor, qemu.monitor),
        tasks(executor, [](const std::string& name, const std::exception_ptr& failure) {
          ADD_FAILURE() << name << ": " << flow::describe(failure);
        }) {
    tasks.spawn("monitor", qemu.monitor.run());
    tasks.spawn("qemu", qemu.serve());
  }

  awaitable<void> stop() {
    qemu.close();
    co_await tasks.join();
  }

  fake_qemu qemu;
  shim::qemu_disks disks;
  flow::task_group tasks;
};

shim::disk disk(const std::string& serial) {
  shim::disk d;
  d.serial = serial;
  d.file = flow::unique_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return d;
}

using strings = std::vector<std::string>;

}  // namespace

TEST(QemuDisks, ImageIsHandedOverOpened) {
  co_test([](auto executor) -> awaitable<void> {
    disks_bench b(executor);
    const auto attached = co_await b.disks.attach(disk("c1-m0"));
    EXPECT_TRUE(attached) << attached.error().message();
    EXPECT_EQ(b.qemu.commands, (strings{"add-fd", "blockdev-add", "device_add"}));
    EXPECT_EQ(b.qemu.descriptors.size(), 1U);
    EXPECT_EQ(b.qemu.last_arguments["serial"].as_string(), "c1-m0");
    EXPECT_EQ(b.qemu.last_arguments["lun"].to_number<int>(), 0);
    const auto second = co_await b.disks.attach(disk("c1-m1"));
    EXPECT_TRUE(second);
    EXPECT_EQ(b.qemu.last_arguments["lun"].to_number<int>(), 1);
    co_await b.stop();
  });
}

TEST(QemuDisks, RefusedOneLeavesNothingBehind) {
  co_test([](auto executor) -> awaitable<void> {
    disks_bench b(executor);
    b.qemu.refused = "device_add";
    const auto attached = co_await b.disks.attach(disk("c1-m0"));
    EXPECT_EQ(attached.error().message().find("qemu: no such thing"), 0U)
        << attached.error().message();
    EXPECT_EQ(b.qemu.commands,
              (strings{"add-fd", "blockdev-add", "device_add", "blockdev-del", "remove-fd"}));
    b.qemu.commands.clear();
    const auto detached = co_await b.disks.detach("c1-m0");
    EXPECT_TRUE(detached);
    EXPECT_TRUE(b.qemu.commands.empty()) << "it is not there";
    co_await b.stop();
  });
}

TEST(QemuDisks, ImageIsClosedOnceTheGuestHasReleasedIt) {
  co_test([](auto executor) -> awaitable<void> {
    disks_bench b(executor);
    const auto attached = co_await b.disks.attach(disk("c1-m0"));
    EXPECT_TRUE(attached);
    b.qemu.commands.clear();
    flow::task_group tasks(executor, [](const std::string&, const std::exception_ptr&) {});
    bool gone = false;
    const auto detach = [](shim::qemu_disks& disks, bool& flag) -> awaitable<void> {
      const auto detached = co_await disks.detach("c1-m0");
      flag = detached.has_value();
    };
    tasks.spawn("detach", detach(b.disks, gone));
    while (b.qemu.commands.empty()) {
      co_await settle(executor);
    }
    EXPECT_EQ(b.qemu.commands, strings{"device_del"});
    EXPECT_FALSE(gone);
    b.disks.device_deleted("c1-m0");
    co_await tasks.join();
    EXPECT_TRUE(gone);
    EXPECT_EQ(b.qemu.commands, (strings{"device_del", "blockdev-del", "remove-fd"}));
    co_await b.stop();
  });
}

TEST(QemuDisks, DiskThatTheGuestDoesNotReleaseIsAnError) {
  co_test([](auto executor) -> awaitable<void> {
    flow::testing::manual_clock time(executor);
    disks_bench b(executor);
    const auto attached = co_await b.disks.attach(disk("c1-m0"));
    EXPECT_TRUE(attached);
    flow::task_group tasks(executor, [](const std::string&, const std::exception_ptr&) {});
    std::string failure;
    const auto detach = [](shim::qemu_disks& disks, std::string& text) -> awaitable<void> {
      const auto detached = co_await disks.detach("c1-m0");
      text = detached ? "" : detached.error().message();
    };
    tasks.spawn("detach", detach(b.disks, failure));
    while (!time.awaited()) {
      co_await boost::asio::post(executor, boost::asio::use_awaitable);
    }
    time.advance(shim::limits::unplug_disk);
    co_await tasks.join();
    EXPECT_TRUE(failure.starts_with("guest did not release disk c1-m0")) << failure;
    co_await b.stop();
  });
}

TEST(QemuDisks, SerialNumberThatTheGuestWouldNotFindIsRefused) {
  co_test([](auto executor) -> awaitable<void> {
    disks_bench b(executor);
    const std::string longest(guest_contract::disk_serial_size, 'x');
    const auto refused = co_await b.disks.attach(disk(longest + "x"));
    EXPECT_EQ(refused.error().code(), flow::error_code(flow::errc::invalid_argument));
    EXPECT_TRUE(b.qemu.commands.empty());
    const auto attached = co_await b.disks.attach(disk(longest));
    EXPECT_TRUE(attached);
    co_await b.stop();
  });
}
