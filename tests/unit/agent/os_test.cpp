#include "agent/storage/os.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "flow/system/file.hpp"
#include "tests/support/temporary_directory.hpp"

using agent::linux_os;
using tests::temporary_directory;

namespace {

// Every failure must say what was tried with what.
template <class T>
void expect_failure(const flow::result<T>& r, int errno_value, const std::string& path) {
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code().value(), errno_value) << r.error().message();
  EXPECT_NE(r.error().message().find(path), std::string::npos) << r.error().message();
}

}  // namespace

TEST(LinuxOs, WritesWhatItReads) {
  const temporary_directory directory;
  linux_os system;
  const auto path = directory / "file";
  ASSERT_TRUE(system.write_file(path, "something long"));
  ASSERT_TRUE(system.write_file(path, "short"));
  EXPECT_EQ(system.read_file(path).value(), "short");
  ASSERT_TRUE(system.write_file(path, ""));
  EXPECT_EQ(system.read_file(path).value(), "");
}

TEST(LinuxOs, ReadsAFileWhoseSizeIsNotKnown) {
  linux_os system;
  const auto text = system.read_file("/proc/self/status");
  ASSERT_TRUE(text);
  EXPECT_TRUE(text->starts_with("Name:"));
}

TEST(LinuxOs, FilesThatCannotBeOpenedAreNamed) {
  const temporary_directory directory;
  linux_os system;
  expect_failure(system.read_file(directory / "missing"), ENOENT, directory / "missing");
  expect_failure(system.read_file(directory / "."), EISDIR, directory / ".");
  expect_failure(system.write_file(directory / "missing/file", "x"), ENOENT,
                 directory / "missing/file");
  expect_failure(system.write_file(directory / ".", "x"), EISDIR, directory / ".");
}

TEST(LinuxOs, AWriteThatTheKernelRefusesIsAFailure) {
  linux_os system;
  expect_failure(system.write_file("/dev/full", "x"), ENOSPC, "/dev/full");
}

TEST(LinuxOs, ListsADirectoryInOrderWithoutItself) {
  const temporary_directory directory;
  linux_os system;
  for (const char* name : {"10-b", "02-c", "01-a", ".hidden"}) {
    ASSERT_TRUE(flow::write_file(directory / name, ""));
  }
  EXPECT_EQ(system.list_directory(directory / ".").value(),
            (std::vector<std::string>{".hidden", "01-a", "02-c", "10-b"}));
}

TEST(LinuxOs, ADirectoryThatIsNoneIsNamed) {
  const temporary_directory directory;
  linux_os system;
  expect_failure(system.list_directory(directory / "missing"), ENOENT, directory / "missing");
  ASSERT_TRUE(flow::write_file(directory / "file", ""));
  expect_failure(system.list_directory(directory / "file"), ENOTDIR, directory / "file");
}

TEST(LinuxOs, ADirectoryThatIsThereIsMade) {
  const temporary_directory directory;
  linux_os system;
  ASSERT_TRUE(system.make_directory(directory / "new"));
  ASSERT_TRUE(system.make_directory(directory / "new"));
  EXPECT_TRUE(std::filesystem::is_directory(directory / "new"));
  expect_failure(system.make_directory(directory / "no/parent"), ENOENT, directory / "no/parent");
}

TEST(LinuxOs, WhatCannotBeEnteredMountedOrLoadedIsNamed) {
  const temporary_directory directory;
  linux_os system;
  const auto missing = directory / "missing";
  expect_failure(system.change_directory(missing), ENOENT, missing);
  expect_failure(system.load_module(missing), ENOENT, missing);
  // Which error depends on what the caller may do.
  const auto mounted = system.mount("nothing", missing, "tmpfs", 0, "");
  ASSERT_FALSE(mounted);
  EXPECT_NE(mounted.error().message().find("mount nothing on " + missing), std::string::npos);
  const auto root = system.change_root(missing);
  ASSERT_FALSE(root);
  EXPECT_NE(root.error().message().find(missing), std::string::npos);
}
