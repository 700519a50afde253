#include "agent/storage/mounts.hpp"

#include <gtest/gtest.h>
#include <sys/mount.h>

#include "flow/task_group.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "tests/support/co_test.hpp"
#include "tests/unit/agent/boot/fake_os.hpp"

using agent::mounts;
using flow::awaitable;
using hvsock::agent::v1::Mount;
using tests::co_test;
using tests::fake_os;
using ttrpc::code;
using namespace std::chrono_literals;

namespace {

constexpr const char* own = "/run/hvsock/c1";

struct mounts_bench {
  explicit mounts_bench(boost::asio::any_io_executor executor)
      : log(-1), made(executor, system, log) {
    system.directories["/sys/block"] = {"sda", "sdb"};
    system.files["/sys/block/sda/device/vpd_pg80"] = std::string("\0\x80\0\5", 4) + "c1-m1";
    system.files["/sys/block/sdb/device/vpd_pg80"] = std::string("\0\x80\0\5", 4) + "c1-m0";
    system.directories["/usr/lib/hvsock/module-groups/disk"] = {"10-scsi_mod.ko"};
    system.directories["/usr/lib/hvsock/module-groups/erofs"] = {"20-erofs.ko"};
  }

  flow::log log;
  fake_os system;
  mounts made;
};

Mount disk(const std::string& type, const std::string& serial, const std::string& target) {
  Mount m;
  m.set_type(type);
  m.set_disk(serial);
  m.set_target(own + target);
  m.add_options("ro");
  return m;
}

Mount overlay(const std::string& target, const std::string& options) {
  Mount m;
  m.set_type("overlay");
  m.set_source("overlay");
  m.set_target(own + target);
  m.add_options(options);
  return m;
}

mounts::mount_list list(const std::vector<Mount>& all) {
  return {all.begin(), all.end()};
}

}  // namespace

TEST(Mounts, DisksAreFoundByTheirSerialNumbers) {
  co_test([](auto executor) -> awaitable<void> {
    mounts_bench b(executor);
    const auto made = co_await b.made.make(own, list({disk("erofs", "c1-m0", "/m0")}));
    EXPECT_TRUE(made) << made.error().message();
    EXPECT_TRUE(b.system.did("mount /dev/sdb on /run/hvsock/c1/m0 as erofs"));
    EXPECT_EQ(b.system.last_mount_flags, static_cast<unsigned long>(MS_RDONLY));
    EXPECT_TRUE(b.system.did("load /usr/lib/hvsock/module-groups/disk/10-scsi_mod.ko"));
    EXPECT_TRUE(b.system.did("load /usr/lib/hvsock/module-groups/erofs/20-erofs.ko"));
  });
}

TEST(Mounts, DiskThatAppearsLateIsWaitedFor) {
  co_test([](auto executor) -> awaitable<void> {
    mounts_bench b(executor);
    flow::task_group tasks(executor, [](const std::string&, const std::exception_ptr&) {});
    const auto make = [](mounts_bench& bench) -> awaitable<void> {
      const auto made = co_await bench.made.make(own, list({disk("ext4", "c1-m9", "/m9")}));
      EXPECT_TRUE(made) << made.error().message();
    };
    tasks.spawn("make", make(b));
    const auto never = [] { return false; };
    co_await flow::event(executor).wait_for(5ms, never);
    EXPECT_FALSE(b.system.did("mount /dev/sdc on /run/hvsock/c1/m9 as ext4"));
    b.system.files["/sys/block/sdc/device/vpd_pg80"] = std::string("\0\x80\0\5", 4) + "c1-m9";
    b.system.directories["/sys/block"].push_back("sdc");
    co_await tasks.join();
    EXPECT_TRUE(b.system.did("mount /dev/sdc on /run/hvsock/c1/m9 as ext4"));
  });
}

TEST(Mounts, AreTakenAwayInReverse) {
  co_test([](auto executor) -> awaitable<void> {
    mounts_bench b(executor);
    auto root = overlay("/m2", "lowerdir=/run/hvsock/c1/m0");
    auto& upper = *root.add_directories();
    upper.set_path("/run/hvsock/c1/m1/upper");
    upper.set_mode(0755);
    const auto made = co_await b.made.make(
        own, list({disk("erofs", "c1-m0", "/m0"), disk("ext4", "c1-m1", "/m1"), root}));
    EXPECT_TRUE(made) << made.error().message();
    EXPECT_TRUE(b.system.did("mkdir /run/hvsock/c1/m1/upper 755 0:0"));
    EXPECT_EQ(b.system.last_mount_data, "lowerdir=/run/hvsock/c1/m0");
    b.system.done.clear();
    b.made.remove(own);
    const std::vector<std::string> wanted{"unmount /run/hvsock/c1/m2", "unmount /run/hvsock/c1/m1",
                                          "unmount /run/hvsock/c1/m0"};
    EXPECT_EQ(b.system.done, wanted);
    b.made.remove(own);
    EXPECT_EQ(b.system.done.size(), 3U) << "once";
  });
}

TEST(Mounts, FailureAnywhereLeavesNothingMounted) {
  co_test([](auto executor) -> awaitable<void> {
    for (std::size_t n = 1; n < 100; ++n) {
      mounts_bench b(executor);
      b.system.fail_at = n;
      const auto made = co_await b.made.make(
          own, list({disk("erofs", "c1-m0", "/m0"), overlay("/m1", "lowerdir=x")}));
      std::size_t mounted = 0;
      std::size_t unmounted = 0;
      for (std::size_t i = 0; i < b.system.done.size(); ++i) {
        mounted += i + 1 != n && b.system.done[i].starts_with("mount ") ? 1 : 0;
        unmounted += b.system.done[i].starts_with("unmount ") ? 1 : 0;
      }
      if (made && b.system.done.size() < n) {
        EXPECT_EQ(unmounted, 0U);
        co_return;
      }
      EXPECT_EQ(made ? 2U : unmounted, mounted) << "operation " << n;
    }
    ADD_FAILURE() << "never succeeded";
  });
}

TEST(Mounts, NothingIsMadeOutsideTheContainersDirectory) {
  co_test([](auto executor) -> awaitable<void> {
    mounts_bench b(executor);
    auto elsewhere = overlay("/m0", "lowerdir=x");
    auto climbing = elsewhere;
    auto directory = elsewhere;
    elsewhere.set_target("/etc");
    climbing.set_target("/run/hvsock/c1/../c2");
    directory.add_directories()->set_path("/run/hvsock/c10/upper");
    for (const auto& m : {elsewhere, climbing, directory}) {
      const auto made = co_await b.made.make(own, list({m}));
      EXPECT_EQ(made.error().code(), flow::error_code(code::invalid_argument));
    }
    EXPECT_TRUE(b.system.done.empty());
  });
}

TEST(Mounts, ReadOnlyBindIsMountedTwice) {
  co_test([](auto executor) -> awaitable<void> {
    mounts_bench b(executor);
    Mount m;
    m.set_type("bind");
    m.set_source("/run/hvsock/share/c1/0");
    m.set_target("/run/hvsock/c1/m0");
    m.add_options("rbind");
    m.add_options("ro");
    const auto made = co_await b.made.make(own, list({m}));
    EXPECT_TRUE(made) << made.error().message();
    EXPECT_EQ(b.system.last_mount_flags,
              static_cast<unsigned long>(MS_REMOUNT | MS_BIND | MS_RDONLY));
  });
}

TEST(Mounts, OptionsTooLongForTheKernelAreRefused) {
  co_test([](auto executor) -> awaitable<void> {
    mounts_bench b(executor);
    const auto made = co_await b.made.make(own, list({overlay("/m0", std::string(4096, 'x'))}));
    EXPECT_EQ(made.error().code(), flow::error_code(code::invalid_argument));
  });
}
