// hvsock-vsockd as a process: its start, its end and its log.
#include <fcntl.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>

#include "flow/device/exit_code.hpp"
#include "flow/system/scm_rights.hpp"
#include "flow/system/unix_socket.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/device/device_fixture.hpp"
#include "tests/unit/device/vsockd_process.hpp"

using namespace tests;
using flow::device::exit_code;

namespace {

constexpr int code(exit_code c) {
  return static_cast<int>(c);
}

std::string read_all(vsockd_process& p, host_socket& host, std::size_t size = SIZE_MAX) {
  std::string all;
  EXPECT_TRUE(p.kernel().until([&] {
    all += host.read(size - all.size());
    return all.size() == size || host.over();
  })) << "after "
      << all.size() << " bytes";
  return all;
}

}  // namespace

TEST(Vsockd, ServesAGuestAndEndsWithIt) {
  vsockd_process p({});
  p.guest().boot();
  guest_socket s(p.kernel(), 1000, 80);
  ASSERT_TRUE(s.connect());
  host_socket host(p.take_connection());
  const auto text = pattern(3000000);
  std::string got;
  std::size_t sent = 0;
  ASSERT_TRUE(p.kernel().until([&] {
    sent += s.send_some(std::string_view(text).substr(sent));
    got += host.read();
    return got.size() == text.size();
  }));
  EXPECT_EQ(got, text);
  std::size_t back = 0;
  ASSERT_TRUE(p.kernel().until([&] {
    if (back < text.size()) {
      back += static_cast<std::size_t>(host.send(std::string_view(text).substr(back)));
    }
    return s.received().size() == text.size();
  }));
  EXPECT_EQ(s.received(), text);
  p.guest().front().hang_up();
  EXPECT_EQ(p.wait(), code(exit_code::done));
  EXPECT_NE(p.log().find("virtual machine ended"), std::string::npos) << p.log();
}

TEST(Vsockd, DeliversWhatItHoldsAfterTheGuestDied) {
  vsockd_process p({});
  p.guest().boot();
  guest_socket s(p.kernel(), 1000, 80);
  ASSERT_TRUE(s.connect());
  host_socket host(p.take_connection());
  const auto text = pattern(flow::device::receive_buffer);
  ASSERT_EQ(s.send_some(text), text.size());
  p.guest().front().hang_up();
  EXPECT_EQ(read_all(p, host), text);
  EXPECT_TRUE(host.end_of_file());
  EXPECT_EQ(p.wait(), code(exit_code::done));
}

TEST(Vsockd, EndOfTheUplinkIsItsEnd) {
  vsockd_process p({});
  p.guest().boot();
  p.uplink().reset();
  EXPECT_EQ(p.wait(), code(exit_code::done));
}

TEST(Vsockd, FrontEndThatBreaksTheProtocolEndsItWithOneLine) {
  vsockd_process p({});
  p.guest().front().send_raw(99, {});
  EXPECT_EQ(p.wait(), code(exit_code::protocol));
  EXPECT_NE(p.log().find("level=error msg=\"front end violated the protocol\" err=\"request 99"),
            std::string::npos)
      << p.log();
}

TEST(Vsockd, DiesWithItsParent) {
  if (sanitized) {
    GTEST_SKIP() << "part of the confinement, which a sanitizer's runtime cannot live in";
  }
  // A parent in between, which is killed. Everything it shares with the program is also open here,
  // so that nothing but the parent's death can end the program.
  auto inherited = socket_pair();
  std::array<int, 2> alive{};
  ASSERT_EQ(::pipe2(alive.data(), O_CLOEXEC), 0);
  const pid_t parent = ::fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    vsockd_process::options o;
    o.in_child = [&] { ::dup2(alive[1], STDOUT_FILENO); };
    vsockd_process p(o);
    p.guest().boot();  // by now it is confined
    const std::byte ready{};
    static_cast<void>(
        flow::send_with_descriptors(inherited[1].get(), std::span(&ready, 1),
                                    std::array{p.uplink().get(), p.guest().front().fd()}));
    ::kill(::getpid(), SIGKILL);
  }
  ::close(alive[1]);
  int status = 0;
  ASSERT_EQ(::waitpid(parent, &status, 0), parent);
  std::vector<flow::unique_fd> kept;
  std::byte ready{};
  ASSERT_TRUE(flow::receive_with_descriptors(inherited[0].get(), std::span(&ready, 1), kept));
  ASSERT_EQ(kept.size(), 2U);
  // The program holds the other end of this pipe.
  char byte = 0;
  EXPECT_EQ(::read(alive[0], &byte, 1), 0);
  ::close(alive[0]);
}

TEST(Vsockd, HybridFormWorksInItsConfinement) {
  const temporary_directory directory;
  const auto path = directory / "v.sock";
  auto listener = flow::listen_unix(path + "_80");
  ASSERT_TRUE(listener);
  vsockd_process::options o;
  o.hybrid = path;
  vsockd_process p(o);
  p.guest().boot();

  guest_socket s(p.kernel(), 1000, 80);
  ASSERT_TRUE(s.connect());
  auto accepted = flow::accept_unix(listener->get());
  ASSERT_TRUE(accepted);
  host_socket host(std::move(*accepted));
  ASSERT_TRUE(s.send("to the host"));
  EXPECT_EQ(read_all(p, host, 11), "to the host");

  // A listener that is created later is also found.
  auto later = flow::listen_unix(path + "_81");
  guest_socket t(p.kernel(), 1001, 81);
  EXPECT_TRUE(t.connect());
  guest_socket u(p.kernel(), 1002, 82);
  EXPECT_FALSE(u.connect());

  auto fd = flow::connect_unix(path);
  ASSERT_TRUE(fd);
  host_socket client(std::move(*fd));
  client.send("CONNECT 22\n");
  packet request;
  ASSERT_TRUE(p.kernel().until([&] { return p.kernel().take_stray(request); }));
  guest_socket v(p.kernel(), 22, request.header.src_port);
  v.accept(request);
  EXPECT_EQ(read_all(p, client, 3), "OK ");
  p.guest().front().hang_up();
  EXPECT_EQ(p.wait(), code(exit_code::done));
}

TEST(Vsockd, HybridPathOutsideItsDirectoryIsNotReached) {
  if (sanitized || ::geteuid() != 0) {
    GTEST_SKIP() << "needs the confinement with its namespaces";
  }
  const temporary_directory outside;
  const temporary_directory inside;
  auto listener = flow::listen_unix(outside / "v.sock_80");
  ASSERT_TRUE(listener);
  // A link that leads out of the directory.
  std::filesystem::create_symlink(outside / "v.sock_80", inside / "v.sock_80");
  vsockd_process::options o;
  o.hybrid = inside / "v.sock";
  vsockd_process p(o);
  p.guest().boot();
  guest_socket s(p.kernel(), 1000, 80);
  EXPECT_FALSE(s.connect());
}

TEST(Vsockd, SetUpFailuresAreNamed) {
  EXPECT_EQ(run_vsockd({}).status, code(exit_code::usage));
  const auto no_socket = run_vsockd({"--vhost-fd", "77", "--guest-cid", "3", "--uplink-fd", "78"});
  EXPECT_EQ(no_socket.status, code(exit_code::setup));
  EXPECT_NE(no_socket.log.find("--vhost-fd is not a connected unix socket"), std::string::npos)
      << no_socket.log;
  // Standard input is not a socket either.
  EXPECT_EQ(run_vsockd({"--vhost-fd", "0", "--guest-cid", "3", "--hybrid", "/x"}).status,
            code(exit_code::setup));
}

TEST(Vsockd, HelpIsOnStandardOutputAndASuccess) {
  const auto help = run_vsockd({"--help"});
  EXPECT_EQ(help.status, code(exit_code::done));
  EXPECT_EQ(help.log, "");
}
