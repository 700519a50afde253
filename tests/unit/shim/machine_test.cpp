// A machine from its description, with shell scripts for the programs that it consists of.
// QEMU's first descriptors are the console (3) and the monitor (4): see qemu/command.cpp.
#include "shim/vm/machine.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <boost/asio/post.hpp>
#include <csignal>

#include "flow/system/file.hpp"
#include "flow/task_group.hpp"
#include "flow/testing/manual_clock.hpp"
#include "shim/config/limits.hpp"
#include "shim/vm/factory.hpp"
#include "tests/support/co_test.hpp"
#include "tests/support/temporary_directory.hpp"

using flow::awaitable;
using shim::config;
using tests::co_test;

namespace {

constexpr const char* runs_on = "exec sleep 1000";

// As hvsock-vsockd: exits when its device and its uplink are closed.
constexpr const char* ends_with_its_device = "cat <&3 > /dev/null; exec cat <&4 > /dev/null";

struct machine_bench {
  machine_bench() : log(-1) {
    // As the shim does.
    ::signal(SIGPIPE, SIG_IGN);
    c.kernel = "/k";
    c.initramfs = "/i";
    c.acceleration = config::acceleration_mode::tcg;
    c.vsock = config::vsock_mode::user;
    c.hypervisor = script("qemu", runs_on);
    c.virtiofsd = script("virtiofsd", runs_on);
    c.vsock_daemon = script("hvsock-vsockd", ends_with_its_device);
  }

  std::string script(const std::string& name, const std::string& text) const {
    const auto path = directory / name;
    EXPECT_TRUE(flow::write_file(path, "#!/bin/sh\n" + text + "\n"));
    EXPECT_EQ(::chmod(path.c_str(), 0755), 0);
    return path;
  }

  shim::machine_description description() const {
    return shim::describe(c, "c1", directory / "share");
  }

  std::unique_ptr<shim::machine> make(const boost::asio::any_io_executor& executor) {
    return shim::make_machine(executor, description(), shim::paths_of(c), log);
  }

  tests::temporary_directory directory;
  flow::log log;
  config c;
};

// This process has no child left, not even one to be reaped.
bool childless() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
}

awaitable<void> expect_failed_start(boost::asio::any_io_executor executor, machine_bench& b,
                                    std::string text) {
  const auto machine = b.make(executor);
  const auto started = co_await machine->start();
  EXPECT_FALSE(started);
  if (!started) {
    EXPECT_NE(started.error().message().find(text), std::string::npos) << started.error().message();
  }
  co_await machine->join();
  EXPECT_TRUE(childless()) << text;
}

}  // namespace

TEST(Machine, IsStartedAsDescribedAndLeavesNothing) {
  co_test([](auto executor) -> awaitable<void> {
    machine_bench b;
    b.c.memory_mib = 768;
    b.c.hypervisor =
        b.script("qemu", R"(echo "$@" > "$0.arguments"; echo 'guest is booting' >&3; )" +
                             std::string(runs_on));
    const auto machine = b.make(executor);
    EXPECT_TRUE(childless()) << "nothing is started yet";
    const auto started = co_await machine->start();
    EXPECT_TRUE(started) << started.error().message();
    while (machine->console_tail().empty()) {
      co_await boost::asio::post(executor, boost::asio::use_awaitable);
    }
    EXPECT_EQ(machine->console_tail(), "guest is booting");
    const auto arguments = flow::read_file(b.directory / "qemu.arguments").value();
    for (const char* word : {"-m 768M", "hvsock-c1", "vhost-user-fs-pci", "vhost-user-vsock-pci",
                             "virtio-scsi-pci", "hvsock.port="}) {
      EXPECT_NE(arguments.find(word), std::string::npos) << word << " in " << arguments;
    }
    machine->kill();
    const auto connection = co_await machine->accept();
    EXPECT_FALSE(connection);
    co_await machine->join();
    EXPECT_TRUE(childless());
  });
}

TEST(Machine, WhoseProgramsAreMissingLeavesNothing) {
  co_test([](auto executor) -> awaitable<void> {
    for (auto member : {&config::virtiofsd, &config::vsock_daemon, &config::hypervisor}) {
      machine_bench b;
      b.c.*member = "/nonexistent/program";
      co_await expect_failed_start(executor, b, "/nonexistent/program");
    }
  });
}

TEST(Machine, ThatWasKilledBeforeIsNotStarted) {
  co_test([](auto executor) -> awaitable<void> {
    machine_bench b;
    const auto machine = b.make(executor);
    machine->kill();
    const auto started = co_await machine->start();
    EXPECT_EQ(started.error().code(), flow::error_code(flow::errc::aborted));
    co_await machine->join();
    EXPECT_TRUE(childless());
  });
}

TEST(Machine, EndsWithItsHypervisorAndSaysWhatItComplainedOf) {
  co_test([](auto executor) -> awaitable<void> {
    machine_bench b;
    b.c.hypervisor = b.script("qemu", "echo 'cannot set up guest memory' >&2; exit 1");
    const auto machine = b.make(executor);
    const auto started = co_await machine->start();
    EXPECT_TRUE(started);
    const auto why = co_await machine->wait_ended();
    EXPECT_NE(why.message().find("qemu exited with status 1: cannot set up guest memory"),
              std::string::npos)
        << why.message();
    co_await machine->join();
    EXPECT_TRUE(childless());
  });
}

TEST(Machine, EndsWithAHelperOnceNothingElseExplainsIt) {
  co_test([](auto executor) -> awaitable<void> {
    flow::testing::manual_clock time(executor);
    machine_bench b;
    b.c.virtiofsd = b.script("virtiofsd", "exit 7");
    const auto machine = b.make(executor);
    const auto started = co_await machine->start();
    EXPECT_TRUE(started);
    std::string why;
    const auto keep_end = [](shim::machine& m, std::string& text) -> awaitable<void> {
      const auto end = co_await m.wait_ended();
      text = end.message();
    };
    flow::task_group tasks(executor, [](const std::string&, const std::exception_ptr&) {});
    tasks.spawn("end", keep_end(*machine, why));
    while (why.empty()) {
      time.advance(shim::limits::end_notice);
      co_await boost::asio::post(executor, boost::asio::use_awaitable);
    }
    EXPECT_NE(why.find("virtiofsd exited with status 7"), std::string::npos) << why;
    co_await tasks.join();
    co_await machine->join();
    EXPECT_TRUE(childless());
  });
}

TEST(Machine, NetworkCardsAreRefusedRatherThanLeftOut) {
  co_test([](auto executor) -> awaitable<void> {
    machine_bench b;
    auto described = b.description();
    described.network_cards.emplace_back();
    const auto machine = shim::make_machine(executor, described, shim::paths_of(b.c), b.log);
    const auto started = co_await machine->start();
    EXPECT_EQ(started.error().code(), flow::error_code(flow::errc::unsupported));
    co_await machine->join();
    EXPECT_TRUE(childless());
  });
}

TEST(Machine, WithoutShareAndVsockConsistsOfItsHypervisorAlone) {
  co_test([](auto executor) -> awaitable<void> {
    machine_bench b;
    b.c.virtiofsd = "/nonexistent/program";
    b.c.vsock_daemon = "/nonexistent/program";
    auto described = b.description();
    described.share.clear();
    described.guest.vsock.reset();
    const auto machine = shim::make_machine(executor, described, shim::paths_of(b.c), b.log);
    const auto started = co_await machine->start();
    EXPECT_TRUE(started) << started.error().message();
    const auto connection = co_await machine->accept();
    EXPECT_EQ(connection.error().code(), flow::error_code(flow::errc::unsupported));
    co_await machine->join();
    EXPECT_TRUE(childless());
  });
}
