// Errors are reported through ctr, and a failed attempt leaves nothing behind.
#include <sys/mount.h>

#include <fstream>

#include "tests/e2e/harness/fixture.hpp"

using e2e::ctr;
using e2e::ctr_run;

namespace {

class Errors : public e2e::ContainerdTest {
 protected:
  // A configuration for one container.
  std::string config(const std::string& text) const {
    const auto file = scratch() / "config.toml";
    std::ofstream(file) << text;
    return file;
  }

  e2e::run_result run_with(const std::string& text) {
    return ctr_run({"--rm", "--runtime-config-path", config(text)}, id(), {"true"});
  }
};

void expect_says(const e2e::run_result& result, const std::string& what) {
  EXPECT_NE(result.status, 0);
  EXPECT_NE(result.err.find(what), std::string::npos) << result.err;
}

}  // namespace

TEST_F(Errors, NoHypervisor) {
  expect_says(
      run_with("[hypervisor]\npath = \"/nonexistent/qemu\"\n"),
      "cannot execute hypervisor /nonexistent/qemu (Debian: qemu-system-x86): No such file");
}

TEST_F(Errors, NoGuestImage) {
  expect_says(run_with("[hypervisor]\ninitramfs = \"/nonexistent/initramfs\"\n"),
              "cannot read guest image /nonexistent/initramfs (build it with deploy/guest-image");
}

TEST_F(Errors, HypervisorThatFailsSaysWhatItSaid) {
  expect_says(run_with("[hypervisor]\nfirmware = \"/nonexistent/firmware\"\n"),
              "/nonexistent/firmware");
}

TEST_F(Errors, GuestThatNeverBoots) {
  const auto program = scratch() / "never";
  std::ofstream(program) << "#!/bin/sh\nexec sleep 1000\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  expect_says(run_with("[hypervisor]\npath = \"" + program.string() +
                       "\"\nacceleration = \"tcg\"\nboot_timeout_s = 2\n"),
              "the guest did not boot: timed out");
}

TEST_F(Errors, ConfigurationThatIsWrongNamesFileAndLine) {
  expect_says(run_with("[hypervisor]\nmemory = 512\n"),
              "config.toml:2: unknown key hypervisor.memory");
  expect_says(run_with("[hypervisor]\nmemory_mib = 1\n"),
              "config.toml:2: hypervisor.memory_mib must be a number from 128 to 1048576");
  expect_says(run_with("[hypervisor\n"), "config.toml:1: ");
}

TEST_F(Errors, MissingRootFileSystem) {
  expect_says(
      ctr({"run", "--rm", "--runtime", e2e::runtime, "--rootfs", "/nonexistent", id(), "true"}),
      "rootfs: /nonexistent: No such file or directory");
}

TEST_F(Errors, MissingProgramInTheImage) {
  expect_says(ctr_run({"--rm"}, id(), {"/nonexistent"}),
              "executable file `/nonexistent` not found");
}

TEST_F(Errors, MissingSourceOfABindMount) {
  expect_says(ctr_run({"--rm", "--mount", "type=bind,src=/nonexistent,dst=/x,options=rbind"}, id(),
                      {"true"}),
              "mounts: /nonexistent: No such file or directory");
}

TEST_F(Errors, UnknownStdioScheme) {
  expect_says(ctr_run({"--rm", "--log-uri", "gopher:///x"}, id(), {"true"}),
              "unknown stdio scheme gopher: invalid argument");
}

TEST_F(Errors, BrokenSpecification) {
  const auto file = scratch() / "spec.json";
  std::ofstream(file) << R"({"ociVersion": "1.0.2", "root": {"path": "rootfs"}})";
  expect_says(ctr({"run", "--rm", "--runtime", e2e::runtime, "--config", file.string(), id()}),
              "config.json: process is missing");
}

TEST_F(Errors, StateDirectoryOnAFullDisk) {
  const auto state = scratch() / "state";
  std::filesystem::create_directory(state);
  ASSERT_EQ(::mount("tmpfs", state.c_str(), "tmpfs", 0, "nr_inodes=2"), 0);
  const auto result = run_with("[shim]\nstate_directory = \"" + state.string() + "\"\n");
  ::umount2(state.c_str(), MNT_DETACH);
  expect_says(result, "No space left on device");
}
