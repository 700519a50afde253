// `start` with every form of input that containerd gives it.
#include <boost/asio/co_spawn.hpp>
#include <boost/json/parse.hpp>
#include <fstream>
#include <sstream>

#include "containerd/runc/v1/oci.pb.h"
#include "containerd/runtime/bootstrap/v1/bootstrap.pb.h"
#include "flow/system/file.hpp"
#include "flow/task_group.hpp"
#include "runtimeoptions/v1/api.pb.h"
#include "tests/e2e/harness/fixture.hpp"
#include "tests/e2e/harness/standalone_shim.hpp"

using e2e::eventually;
using e2e::private_containerd;
using e2e::standalone_connection;
using e2e::standalone_shim;

namespace {

class Bootstrap : public e2e::ContainerdTest {
 protected:
  void SetUp() override {
    ContainerdTest::SetUp();
    shim_ = std::make_unique<standalone_shim>(scratch(), "pod");
  }

  // Ends the shim that serves at `address`, and waits until it has removed everything.
  void shut_down(const std::string& address) {
    flow::asio::io_context context(1);
    flow::log log(STDERR_FILENO, flow::log::level::error);
    standalone_connection connection(context.get_executor(), log);
    boost::asio::co_spawn(context, end(connection, address), [](const std::exception_ptr& failure) {
      EXPECT_FALSE(failure) << flow::describe(failure);
    });
    context.run();
    EXPECT_TRUE(eventually([] { return shims().empty(); }));
  }

  static std::set<int> shims() {
    return e2e::pids_of("containerd-shim-hvsock-v2", private_containerd::directory());
  }

  static std::string any_of(const google::protobuf::MessageLite& message) {
    google::protobuf::Any any;
    any.set_type_url(message.GetTypeName());
    any.set_value(message.SerializeAsString());
    return any.SerializeAsString();
  }

  static std::string inline_configuration(const std::string& toml) {
    runtimeoptions::v1::Options options;
    options.set_config_body(toml);
    return any_of(options);
  }

  std::unique_ptr<standalone_shim> shim_;

 private:
  static flow::awaitable<void> end(standalone_connection& connection, std::string address) {
    co_await connection.open(address);
    ::containerd::runtime::sandbox::v1::ShutdownSandboxRequest request;
    request.set_sandbox_id("pod");
    const auto ended = co_await connection.sandbox().shutdown_sandbox(request);
    EXPECT_TRUE(ended) << ended.error().message();
    co_await connection.close();
  }
};

// A cgroup in the machine's hierarchies, removed with the object.
class cgroup_everywhere {
 public:
  explicit cgroup_everywhere(const std::string& name) {
    std::ifstream mounts("/proc/self/mounts");
    for (std::string source, where, type, rest; mounts >> source >> where >> type;) {
      std::getline(mounts, rest);
      std::error_code ec;
      // A new cgroup in version 1's cpuset has no processors, and accepts no process.
      if (rest.find("cpuset") != std::string::npos) {
        continue;
      }
      const auto directory = std::filesystem::path(where) / name;
      if (type.starts_with("cgroup") && std::filesystem::create_directory(directory, ec)) {
        made_.push_back(directory);
      }
    }
  }
  ~cgroup_everywhere() {
    for (const auto& one : made_) {
      EXPECT_TRUE(eventually([&] { return ::rmdir(one.c_str()) == 0; })) << one;
    }
  }
  cgroup_everywhere(const cgroup_everywhere&) = delete;
  cgroup_everywhere& operator=(const cgroup_everywhere&) = delete;

  std::size_t count() const { return made_.size(); }

  // The hierarchies in which the process is a member.
  static std::size_t holding(const std::string& name, int pid) {
    const auto text = flow::read_file("/proc/" + std::to_string(pid) + "/cgroup");
    std::size_t found = 0;
    std::istringstream lines(text ? text.value() : "");
    for (std::string line; std::getline(lines, line);) {
      found += line.ends_with(":/" + name) ? 1U : 0U;
    }
    return found;
  }

 private:
  std::vector<std::string> made_;
};

}  // namespace

TEST_F(Bootstrap, InlineConfigurationCountsAndVersion3IsSaidInJson) {
  const auto answer = shim_->start(inline_configuration("[shim]\nbootstrap_version = 3\n"));
  const auto said = boost::json::parse(answer);
  EXPECT_EQ(said.at("version"), 3);
  EXPECT_EQ(said.at("protocol"), "ttrpc");
  const std::string address(said.at("address").as_string());
  EXPECT_EQ(address, shim_->address());
  shut_down(address);
  EXPECT_EQ(shim_->remove(), 0);
}

TEST_F(Bootstrap, ConfigurationThatIsWrongIsSaidWithItsPlace) {
  const auto started = shim_->try_start("pod", inline_configuration("[shim]\nnonsense = 1\n"));
  EXPECT_NE(started.status, 0);
  EXPECT_NE(started.err.find("hvsock-config.toml:2: unknown key shim.nonsense"), std::string::npos)
      << started.err;
}

TEST_F(Bootstrap, SocketIsWhereTheParametersWantIt) {
  ::containerd::runtime::bootstrap::v1::BootstrapParams params;
  params.set_instance_id("pod");
  params.set_namespace_("default");
  params.set_socket_dir((scratch() / "sockets").string());
  ::containerd::runtime::bootstrap::v1::BootstrapResult result;
  ASSERT_TRUE(result.ParseFromString(shim_->start(params.SerializeAsString())));
  EXPECT_TRUE(result.address().starts_with("unix://" + (scratch() / "sockets").string() + "/"))
      << result.address();
  shut_down(result.address());
  EXPECT_TRUE(std::filesystem::is_empty(scratch() / "sockets"));
}

TEST_F(Bootstrap, AnotherOfTheGroupIsAnsweredWithTheShimThatServes) {
  const auto address = shim_->start();
  shim_->make_bundle("second", {"true"});
  const auto second = shim_->try_start("second", "");
  EXPECT_EQ(second.status, 0) << second.err;
  EXPECT_EQ(second.out, address);
  EXPECT_EQ(shim_->address_in("second"), address) << "for a containerd that was restarted";
  EXPECT_EQ(shims().size(), 1U);
  shut_down(address);
}

TEST_F(Bootstrap, ShimIsInItsCgroupWithAllItStartsAndGoesBeforeContainerd) {
  const std::string name = "hvsock-e2e-" + std::to_string(::getpid());
  const cgroup_everywhere cgroup(name);
  ASSERT_GT(cgroup.count(), 0U) << "no cgroup can be made on this machine";
  ::containerd::runc::v1::Options options;
  options.set_shim_cgroup("/" + name);
  const auto address = shim_->start(any_of(options));
  ASSERT_EQ(shims().size(), 1U);
  const int shim = *shims().begin();
  EXPECT_EQ(cgroup_everywhere::holding(name, shim), cgroup.count());
  std::set<int> helpers;
  EXPECT_TRUE(eventually([&] {
    helpers = e2e::pids_of("qemu-system-x86_64", private_containerd::directory());
    return !helpers.empty();
  }));
  for (const int helper : helpers) {
    EXPECT_EQ(cgroup_everywhere::holding(name, helper), cgroup.count());
  }
  const auto own = flow::read_file("/proc/self/oom_score_adj");
  const auto shims_own = flow::read_file("/proc/" + std::to_string(shim) + "/oom_score_adj");
  ASSERT_TRUE(own && shims_own);
  EXPECT_EQ(std::stoi(shims_own.value()), std::min(std::stoi(own.value()) + 1, 1000));
  shut_down(address);
}

TEST_F(Bootstrap, CgroupThatIsNotThereIsAnErrorAndNothingIsLeft) {
  ::containerd::runc::v1::Options options;
  options.set_shim_cgroup("/hvsock-e2e-nowhere");
  const auto started = shim_->try_start("pod", any_of(options));
  EXPECT_NE(started.status, 0);
  EXPECT_NE(started.err.find("hvsock-e2e-nowhere"), std::string::npos) << started.err;
}
