// What `start`, the shim itself and `delete` agree on: names and the lock.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>

#include <csignal>

#include "flow/system/file.hpp"
#include "shim/state/paths.hpp"
#include "shim/state/sandbox_lock.hpp"
#include "shim/support/digest.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace std::chrono_literals;
using shim::options;
using tests::temporary_directory;

namespace {

options some_options() {
  options o;
  o.address = "/run/containerd/containerd.sock";
  o.containerd_namespace = "default";
  o.id = "c1";
  return o;
}

}  // namespace

TEST(Digest, IsThatOfTheStandard) {
  EXPECT_EQ(shim::sha256_hex(""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(shim::sha256_hex("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(SocketPath, IsWhereContainerdsOwnShimsListen) {
  // echo -n /run/containerd/containerd.sock/default/c1 | sha256sum
  EXPECT_EQ(shim::socket_path("", some_options(), "c1").string(),
            "/run/containerd/s/" + shim::sha256_hex("/run/containerd/containerd.sock/default/c1"));
}

TEST(SocketPath, IsJoinedAsGoJoinsPaths) {
  auto o = some_options();
  o.address = "/run//containerd/./containerd.sock/";
  EXPECT_EQ(shim::socket_path("", o, "c1"), shim::socket_path("", some_options(), "c1"));
}

TEST(SocketPath, DiffersByAddressNamespaceAndGroup) {
  auto address = some_options();
  address.address = "/run/other.sock";
  auto name_space = some_options();
  name_space.containerd_namespace = "k8s.io";
  const auto path = shim::socket_path("", some_options(), "c1");
  EXPECT_NE(path, shim::socket_path("", address, "c1"));
  EXPECT_NE(path, shim::socket_path("", name_space, "c1"));
  EXPECT_NE(path, shim::socket_path("", some_options(), "c2"));
}

TEST(SocketPath, FitsIntoASocketsNameHoweverLongTheId) {
  EXPECT_LT(shim::socket_path("", some_options(), std::string(1000, 'x')).string().size(), 108U);
  shim::config c;
  const auto directory = shim::sandbox_directory(c, some_options(), "../../etc");
  EXPECT_EQ(directory.parent_path(), c.state_directory) << "no id names a path";
}

TEST(SocketPath, IsInTheDirectoryThatContainerdNames) {
  const auto path = shim::socket_path("/run/s", some_options(), "c1");
  EXPECT_EQ(path.parent_path(), "/run/s");
  EXPECT_EQ(path.filename(), shim::socket_path("", some_options(), "c1").filename());
}

TEST(SocketPath, IsFoundAgainByTheAddressInTheBundle) {
  const temporary_directory bundle;
  EXPECT_TRUE(shim::kept_socket_path(bundle / "").empty());
  ASSERT_TRUE(flow::write_file(bundle / "address", "unix:///run/s/abc"));
  EXPECT_EQ(shim::kept_socket_path(bundle / ""), "/run/s/abc");
  ASSERT_TRUE(flow::write_file(bundle / "address", "vsock://3:1"));
  EXPECT_TRUE(shim::kept_socket_path(bundle / "").empty());
}

TEST(Group, IsTheAnnotationOfThePodOrTheIdItself) {
  const temporary_directory bundle;
  const auto group = [&bundle](const std::string& annotations) {
    EXPECT_TRUE(flow::write_file(
        bundle / "config.json",
        R"({"process": {}, "root": {"path": "r"}, "annotations": )" + annotations + "}"));
    return shim::group_of(bundle / "", "c1");
  };
  EXPECT_EQ(group("{}"), "c1");
  EXPECT_EQ(group(R"({"io.kubernetes.cri.sandbox-id": "pod"})"), "pod");
  EXPECT_EQ(group(R"({"io.containerd.runc.v2.group": "group",
                      "io.kubernetes.cri.sandbox-id": "pod"})"),
            "group");
  EXPECT_EQ(group("5"), "c1");
  EXPECT_EQ(shim::group_of("/nowhere", "c1"), "c1");
}

static bool lives(const std::filesystem::path& directory) {
  const auto left = shim::lock_left_sandbox(directory, 0ms);
  return left && !left.value();
}

TEST(SandboxLock, IsHeldByOneAndSaysThatTheSandboxLives) {
  const temporary_directory state;
  const std::filesystem::path directory = state / "hvsock/c1";
  EXPECT_FALSE(lives(directory));
  EXPECT_FALSE(std::filesystem::exists(directory)) << "asking creates nothing";
  auto held = shim::lock_sandbox(directory, 0ms);
  ASSERT_TRUE(held);
  ASSERT_TRUE(held.value());
  EXPECT_TRUE(lives(directory));
  const auto second = shim::lock_sandbox(directory, 0ms);
  ASSERT_TRUE(second);
  EXPECT_FALSE(second.value());
  held.value().reset();
  EXPECT_FALSE(lives(directory));
  EXPECT_TRUE(shim::lock_sandbox(directory, 0ms).value());
}

TEST(SandboxLock, IsFreeOnceItsHolderWasKilled) {
  const temporary_directory state;
  const std::filesystem::path directory = state / "c1";
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const pid_t holder = ::fork();
  ASSERT_GE(holder, 0);
  if (holder == 0) {
    const auto held = shim::lock_sandbox(directory, 0ms);
    const char answer = held && held.value() ? 'y' : 'n';
    static_cast<void>(::write(pipe[1], &answer, 1) == 1);
    for (;;) {
      ::pause();
    }
  }
  char answer = 0;
  ASSERT_EQ(::read(pipe[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  EXPECT_TRUE(lives(directory));
  EXPECT_FALSE(shim::lock_sandbox(directory, 0ms).value());
  ::kill(holder, SIGKILL);
  ASSERT_EQ(::waitpid(holder, nullptr, 0), holder);
  EXPECT_FALSE(lives(directory));
  EXPECT_TRUE(shim::lock_sandbox(directory, 0ms).value());
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST(SandboxLock, LeftByAHolderThatIsStillDyingIsWaitedFor) {
  const temporary_directory state;
  const std::filesystem::path directory = state / "c1";
  auto held = shim::lock_sandbox(directory, 0ms);
  ASSERT_TRUE(held && held.value());
  const int lock = held.value()->get();
  const pid_t waiter = ::fork();
  ASSERT_GE(waiter, 0);
  if (waiter == 0) {
    // The lock belongs to the open file: this copy of it would keep it.
    ::close(lock);
    const auto left = shim::lock_left_sandbox(directory, 60s);
    ::_exit(left && left.value() ? 0 : 1);
  }
  held.value().reset();
  int status = -1;
  ASSERT_EQ(::waitpid(waiter, &status, 0), waiter);
  EXPECT_EQ(status, 0);
}

TEST(SandboxLock, OfADirectoryThatWasRemovedIsNotMistakenForOne) {
  const temporary_directory state;
  const std::filesystem::path directory = state / "c1";
  const auto held = shim::lock_sandbox(directory, 0ms);
  ASSERT_TRUE(held.value());
  shim::remove_sandbox_directory(directory);
  EXPECT_FALSE(std::filesystem::exists(directory));
  const auto next = shim::lock_sandbox(directory, 0ms);
  EXPECT_TRUE(next.value()) << "the old lock is one of nothing";
}

TEST(SandboxLock, DirectoryThatCannotBeMadeIsAnError) {
  const temporary_directory state;
  ASSERT_TRUE(flow::write_file(state / "file", ""));
  const auto locked = shim::lock_sandbox(state / "file/c1", 0ms);
  ASSERT_FALSE(locked);
  EXPECT_NE(locked.error().message().find("file"), std::string::npos);
}
