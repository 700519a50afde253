#include "shim/config/config.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "flow/system/file.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace std::chrono_literals;
using shim::config;

namespace {

flow::result<config> load(const std::string& text) {
  const tests::temporary_directory directory;
  const auto file = directory / "config.toml";
  EXPECT_TRUE(flow::write_file(file, text));
  return shim::load_config("/usr/local/bin/containerd-shim-hvsock-v2", file);
}

void expect_refused(const std::string& text, const std::string& says) {
  const auto c = load(text);
  ASSERT_FALSE(c) << text;
  EXPECT_EQ(c.error().code(), flow::error_code(flow::errc::invalid_argument));
  EXPECT_NE(c.error().message().find(says), std::string::npos) << c.error().message();
}

}  // namespace

TEST(Config, GuestImageAndVsockDaemonAreLookedForBesideTheShim) {
  const auto c = load("");
  ASSERT_TRUE(c);
  EXPECT_EQ(c.value().kernel, "/usr/local/share/hvsock/vmlinux");
  EXPECT_EQ(c.value().initramfs, "/usr/local/share/hvsock/initramfs");
  EXPECT_EQ(c.value().vsock_daemon, "/usr/local/bin/hvsock-vsockd");
  EXPECT_EQ(c.value().acceleration, config::acceleration_mode::automatic);
}

TEST(Config, EveryKeyIsTaken) {
  const auto loaded = load(R"(
[hypervisor]
path = "/q"
kernel = "/k"
initramfs = "/i"
firmware = "bios.bin"
acceleration = "kvm"
vcpus = 4
memory_mib = 2048
boot_timeout_s = 7
virtiofsd = "/v"
[vsock]
device = "user"
daemon = "/d"
[stdio]
stalled_after_ms = 1500
spool_mib = 3
linger_timeout_s = 60
[shim]
state_directory = "/s"
debug = true
bootstrap_version = 3
mount_in_guest = true
)");
  ASSERT_TRUE(loaded) << loaded.error().message();
  const auto& c = loaded.value();
  EXPECT_EQ(c.hypervisor, "/q");
  EXPECT_EQ(c.kernel, "/k");
  EXPECT_EQ(c.initramfs, "/i");
  EXPECT_EQ(c.firmware, "bios.bin");
  EXPECT_EQ(c.acceleration, config::acceleration_mode::kvm);
  EXPECT_EQ(c.vcpus, 4U);
  EXPECT_EQ(c.memory_mib, 2048U);
  EXPECT_EQ(c.boot_timeout, 7s);
  EXPECT_EQ(c.virtiofsd, "/v");
  EXPECT_EQ(c.vsock, config::vsock_mode::user);
  EXPECT_EQ(c.vsock_daemon, "/d");
  EXPECT_EQ(c.stdio.stalled_after, 1500ms);
  EXPECT_EQ(c.stdio.spool, std::uint64_t{3} << 20U);
  EXPECT_EQ(c.stdio.linger, 60s);
  EXPECT_EQ(c.state_directory, "/s");
  EXPECT_EQ(c.bootstrap_version, 3U);
  EXPECT_TRUE(c.mount_in_guest);
  EXPECT_TRUE(c.debug);
}

TEST(Config, EveryChoiceIsKnown) {
  EXPECT_EQ(load("[hypervisor]\nacceleration = \"auto\"").value().acceleration,
            config::acceleration_mode::automatic);
  EXPECT_EQ(load("[hypervisor]\nacceleration = \"tcg\"").value().acceleration,
            config::acceleration_mode::tcg);
  EXPECT_EQ(load("[vsock]\ndevice = \"auto\"").value().vsock, config::vsock_mode::automatic);
  EXPECT_EQ(load("[vsock]\ndevice = \"kernel\"").value().vsock, config::vsock_mode::kernel);
}

TEST(Config, UnknownKeyIsRefusedWithItsLine) {
  expect_refused("[hypervisor]\nvcpus = 1\nwings = 2\n",
                 "config.toml:3: unknown key hypervisor.wings");
  expect_refused("[hypervizor]\npath = \"/q\"\n", "unknown key hypervizor");
  expect_refused("[hypervizor]\n", "unknown key hypervizor");
  expect_refused("debug = true\n", "unknown key debug");
  expect_refused("[shim.log]\nlevel = 1\n", "unknown key shim.log");
}

TEST(Config, ValueThatIsNotAcceptableIsRefusedWithWhatWouldBe) {
  expect_refused("[hypervisor]\npath = \"qemu\"", "hypervisor.path must be an absolute path");
  expect_refused("[hypervisor]\nkernel = 5", "hypervisor.kernel must be an absolute path");
  expect_refused("[hypervisor]\nfirmware = 5", "hypervisor.firmware must be a string");
  expect_refused("[hypervisor]\nacceleration = \"fast\"", "\"auto\", \"kvm\" or \"tcg\"");
  expect_refused("[hypervisor]\nacceleration = 1", "\"auto\", \"kvm\" or \"tcg\"");
  expect_refused("[vsock]\ndevice = \"hyperv\"", "\"auto\", \"kernel\" or \"user\"");
  expect_refused("[shim]\ndebug = \"yes\"", "shim.debug must be true or false");
  expect_refused("[shim]\ndebug = 1", "shim.debug must be true or false");
  expect_refused("[hypervisor]\nvcpus = \"2\"", "hypervisor.vcpus must be a number");
  expect_refused("[hypervisor]\nvcpus = 1.5", "hypervisor.vcpus must be a number");
}

TEST(Config, NumbersOutOfRangeAreRefused) {
  for (const char* text :
       {"[hypervisor]\nvcpus = 0", "[hypervisor]\nvcpus = 256", "[hypervisor]\nvcpus = -1",
        "[hypervisor]\nmemory_mib = 127", "[hypervisor]\nmemory_mib = 1048577",
        "[hypervisor]\nboot_timeout_s = 0", "[stdio]\nspool_mib = 0", "[stdio]\nspool_mib = 65537",
        "[stdio]\nstalled_after_ms = -1", "[stdio]\nlinger_timeout_s = 9223372036854775807"}) {
    expect_refused(text, "must be a number");
  }
  EXPECT_TRUE(load("[hypervisor]\nvcpus = 255\nmemory_mib = 128"));
  EXPECT_TRUE(load("[stdio]\nstalled_after_ms = 0\nlinger_timeout_s = 0\nspool_mib = 65536"));
}

TEST(Config, FileThatIsNoTomlIsRefusedWithItsLine) {
  expect_refused("[shim]\ndebug = \n", "config.toml:2");
  expect_refused("\n\n[shim\n", "config.toml:3");
  expect_refused("\xff\xfe", "config.toml:1");
}

TEST(Config, FileThatWasNamedMustExist) {
  const auto c = shim::load_config("/bin/shim", "/nowhere/hvsock.toml");
  ASSERT_FALSE(c);
  EXPECT_NE(c.error().message().find("configuration file /nowhere/hvsock.toml"), std::string::npos);
}

TEST(Config, MissingFilesAreNamedWithTheirRemedy) {
  const tests::temporary_directory directory;
  config c;
  const auto expect = [&c](const std::string& says, const std::filesystem::path& file) {
    const auto found = shim::check_files(c);
    ASSERT_FALSE(found) << says;
    EXPECT_NE(found.error().message().find(says), std::string::npos) << found.error().message();
    EXPECT_NE(found.error().message().find(file.string()), std::string::npos);
  };
  const auto make = [](const std::filesystem::path& file) {
    ASSERT_TRUE(flow::write_file(file, ""));
    ASSERT_EQ(::chmod(file.c_str(), 0755), 0);
  };
  c.hypervisor = directory / "qemu";
  c.virtiofsd = directory / "virtiofsd";
  c.kernel = directory / "vmlinux";
  c.initramfs = directory / "initramfs";
  expect("Debian: qemu-system-x86", c.hypervisor);
  make(c.hypervisor);
  expect("Debian: qemu-system-common", c.virtiofsd);
  make(c.virtiofsd);
  expect("deploy/guest-image", c.kernel);
  make(c.kernel);
  expect("deploy/guest-image", c.initramfs);
  make(c.initramfs);
  EXPECT_TRUE(shim::check_files(c));
}
