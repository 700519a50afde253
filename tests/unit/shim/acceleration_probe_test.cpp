// The probe, with shell scripts for a hypervisor. They write what a guest writes to its console,
// which is descriptor 3 (see qemu/command.cpp).
#include "shim/vm/qemu/acceleration_probe.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "flow/system/file.hpp"
#include "tests/support/co_test.hpp"
#include "tests/support/temporary_directory.hpp"

using flow::awaitable;
using shim::acceleration;
using shim::config;
using tests::co_test;

namespace {

struct probe_bench {
  explicit probe_bench(const std::string& script) : log(-1) {
    c.state_directory = directory / "";
    c.hypervisor = directory / "qemu";
    c.kernel = directory / "kernel";
    EXPECT_TRUE(flow::write_file(c.kernel, "kernel"));
    make_hypervisor(script);
  }

  // Counts its runs in the file "runs".
  void make_hypervisor(const std::string& script) {
    EXPECT_TRUE(flow::write_file(
        c.hypervisor, "#!/bin/sh\necho run >> " + (directory / "runs") + "\n" + script + "\n"));
    EXPECT_EQ(::chmod(c.hypervisor.c_str(), 0755), 0);
  }

  // What the configuration chooses.
  awaitable<flow::result<acceleration>> choose(boost::asio::any_io_executor executor) {
    return shim::choose_acceleration(std::move(executor), shim::describe(c, "c1", "/share"),
                                     shim::paths_of(c), log);
  }

  std::size_t runs() const {
    const auto text = flow::read_file(directory / "runs");
    return text ? text.value().size() / 4 : 0;
  }

  tests::temporary_directory directory;
  flow::log log;
  config c;
};

bool kvm_is_there() {
  return ::access("/dev/kvm", R_OK | W_OK) == 0;
}

}  // namespace

TEST(AccelerationProbe, WhatIsConfiguredIsNotProbed) {
  co_test([](auto executor) -> awaitable<void> {
    probe_bench b("exit 1");
    b.c.acceleration = config::acceleration_mode::kvm;
    auto chosen = co_await b.choose(executor);
    EXPECT_EQ(chosen.value(), acceleration::kvm);
    b.c.acceleration = config::acceleration_mode::tcg;
    chosen = co_await b.choose(executor);
    EXPECT_EQ(chosen.value(), acceleration::tcg);
    EXPECT_EQ(b.runs(), 0U);
  });
}

TEST(AccelerationProbe, HypervisorThatFailsMeansEmulation) {
  co_test([](auto executor) -> awaitable<void> {
    probe_bench b("echo 'failed to set MSR 0x10a' >&2; exit 1");
    const auto chosen = co_await b.choose(executor);
    EXPECT_EQ(chosen.value(), acceleration::tcg);
  });
}

TEST(AccelerationProbe, GuestThatSpeaksMeansKvmEvenIfItsKernelSpeaksFirst) {
  if (!kvm_is_there()) {
    GTEST_SKIP() << "the probe starts nothing if there is no /dev/kvm";
  }
  co_test([](auto executor) -> awaitable<void> {
    probe_bench b("echo '[Firmware Bug]: x' >&3; echo 'hvsock-agent: probe' >&3; exec sleep 1000");
    const auto chosen = co_await b.choose(executor);
    EXPECT_EQ(chosen.value(), acceleration::kvm);
  });
}

TEST(AccelerationProbe, AnswerIsKeptForTheSameHypervisorAndKernel) {
  co_test([](auto executor) -> awaitable<void> {
    probe_bench b("exit 1");
    co_await b.choose(executor);
    const auto first = b.runs();
    const auto again = co_await b.choose(executor);
    EXPECT_EQ(again.value(), acceleration::tcg);
    EXPECT_EQ(b.runs(), first);
    const auto kept = flow::read_file(b.directory / "acceleration");
    EXPECT_TRUE(kept.value().starts_with("tcg\n"));
    // Another kernel is another question.
    EXPECT_TRUE(flow::write_file(b.c.kernel, "another kernel"));
    co_await b.choose(executor);
    const auto asked = flow::read_file(b.directory / "acceleration");
    EXPECT_NE(asked.value(), kept.value());
  });
}

TEST(AccelerationProbe, KeptAnswerIsBelievedOnlyWhole) {
  co_test([](auto executor) -> awaitable<void> {
    probe_bench b("exit 1");
    EXPECT_TRUE(flow::write_file(b.directory / "acceleration", "kvm\nanother boot of the host\n"));
    const auto chosen = co_await b.choose(executor);
    EXPECT_EQ(chosen.value(), acceleration::tcg);
  });
}

TEST(AccelerationProbe, MissingStateDirectoryIsAnError) {
  co_test([](auto executor) -> awaitable<void> {
    probe_bench b("exit 1");
    b.c.state_directory = b.directory / "nowhere";
    const auto chosen = co_await b.choose(executor);
    EXPECT_FALSE(chosen);
  });
}

TEST(AccelerationProbe, GuestThatIsProbedIsTheSandboxsWithoutItsDevices) {
  if (!kvm_is_there()) {
    GTEST_SKIP() << "the probe starts nothing if there is no /dev/kvm";
  }
  co_test([](auto executor) -> awaitable<void> {
    probe_bench b(R"(echo "$@" > "$(dirname "$0")/arguments"; exit 1)");
    co_await b.choose(executor);
    const auto arguments = flow::read_file(b.directory / "arguments").value();
    for (const auto& word : {"-kernel " + b.c.kernel.string(), std::string("accel=kvm"),
                             std::string(" hvsock.probe"), std::string("chardev:console")}) {
      EXPECT_NE(arguments.find(word), std::string::npos) << word << " in " << arguments;
    }
    for (const char* word : {"-device", "-mon", "hvsock.port"}) {
      EXPECT_EQ(arguments.find(word), std::string::npos) << word << " in " << arguments;
    }
  });
}
