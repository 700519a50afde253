#include "shim/oci/spec.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <map>

#include "flow/system/file.hpp"
#include "shim/oci/resources.hpp"
#include "tests/support/temporary_directory.hpp"

using flow::errc;
using shim::spec;
namespace json = boost::json;

namespace {

constexpr const char* plain = R"({"process": {}, "root": {"path": "rootfs"}})";

// What stands in the guest for the objects of the host, by what each is called on the host.
struct guest_objects {
  std::map<std::string, std::string> bind_sources = {};
  std::map<std::string, std::string> disks = {};
  std::map<std::string, std::string> namespaces = {};
};

// What the guest gets for `text`.
json::object for_guest(const std::string& text, const guest_objects& known = guest_objects()) {
  const auto s = spec::parse(text);
  EXPECT_TRUE(s) << s.error().message();
  const auto named = s.value().names_of_host();
  EXPECT_TRUE(named) << named.error().message();
  spec::guest_names names{.root = "/guest/root", .cgroup = "/hvsock/c1"};
  for (const auto& source : named.value().bind_sources) {
    names.bind_sources.push_back(known.bind_sources.at(source.string()));
  }
  for (const auto& disk : named.value().disks) {
    names.disks.push_back(known.disks.at(disk.source));
  }
  for (const auto& one : named.value().namespaces) {
    const auto found = known.namespaces.find(one.type + " " + one.path.string());
    names.namespaces.push_back(found == known.namespaces.end() ? "" : found->second);
  }
  const auto rewritten = s.value().for_guest(names);
  EXPECT_TRUE(rewritten) << rewritten.error().message();
  return json::parse(rewritten.value()).as_object();
}

// `members` beside a process and a root.
std::string with(const std::string& members) {
  return R"({"process": {}, "root": {"path": "rootfs"}, )" + members + "}";
}

}  // namespace

TEST(Spec, WhatIsNoSpecificationIsAnInvalidArgumentAndNamesTheFile) {
  for (const char* text : {
           "",
           "nonsense",
           "[]",
           "5",
           "null",
           "{}",
           R"({"process": {}})",
           R"({"root": {"path": "rootfs"}})",
           R"({"process": [], "root": {"path": "rootfs"}})",
           R"({"process": {}, "root": "rootfs"})",
           R"({"process": {}, "root": {}})",
           R"({"process": {}, "root": {"path": ""}})",
           R"({"process": {}, "root": {"path": 5}})",
           R"({"process": {}, "root": {"path": "rootfs"})",
           "{\"process\": \xff}",
       }) {
    const auto s = spec::parse(text);
    ASSERT_FALSE(s) << text;
    EXPECT_NE(s.error().message().find("config.json"), std::string::npos) << s.error().message();
  }
  EXPECT_EQ(spec::parse("{}").error().code(), flow::error_code(errc::invalid_argument));
}

TEST(Spec, NestingWithoutEndIsRefused) {
  EXPECT_FALSE(spec::parse(std::string(100000, '[')));
  EXPECT_FALSE(spec::parse(with("\"x\": " + std::string(100000, '['))));
}

TEST(Spec, FileIsReadUpToFourMebibytes) {
  const tests::temporary_directory bundle;
  const auto directory = std::filesystem::path(bundle / "");
  EXPECT_FALSE(spec::load(directory)) << "there is none";

  constexpr std::size_t most = std::size_t{4} << 20U;
  std::string text = plain;
  text.resize(most, ' ');
  ASSERT_TRUE(flow::write_file(bundle / "config.json", text));
  EXPECT_TRUE(spec::load(directory));
  ASSERT_TRUE(flow::write_file(bundle / "config.json", text + " "));
  EXPECT_FALSE(spec::load(directory));
}

TEST(Spec, RootIsRelativeToTheBundleUnlessItIsAbsolute) {
  EXPECT_EQ(spec::parse(plain).value().root("/run/bundle"), "/run/bundle/rootfs");
  const auto absolute = spec::parse(R"({"process": {}, "root": {"path": "/srv/root"}})");
  EXPECT_EQ(absolute.value().root("/run/bundle"), "/srv/root");
}

TEST(Spec, AnnotationsThatAreMissingOrNoStringsAreEmpty) {
  const auto s = spec::parse(with(R"("annotations": {"a": "x", "b": 5})"));
  EXPECT_EQ(s.value().annotation("a"), "x");
  EXPECT_EQ(s.value().annotation("b"), "");
  EXPECT_EQ(s.value().annotation("c"), "");
  EXPECT_EQ(spec::parse(with(R"("annotations": [])")).value().annotation("a"), "");
}

TEST(Spec, GuestGetsItsOwnRootAndCgroup) {
  const auto guest = for_guest(
      R"({"process": {"args": ["sh"]}, "root": {"path": "rootfs", "readonly": true},
          "linux": {"cgroupsPath": "/host/slice"}})");
  EXPECT_EQ(guest.at("root").at("path"), "/guest/root");
  EXPECT_EQ(guest.at("root").at("readonly"), true);
  EXPECT_EQ(guest.at("linux").at("cgroupsPath"), "/hvsock/c1");
  EXPECT_EQ(guest.at("process").at("args").at(0), "sh");
}

TEST(Spec, LaterVersionsOneAreGivenToTheGuestAsTheOneItsRuntimeTakes) {
  for (const char* version : {"1.0.0", "1.0.2-dev", "1.1.0", "1.2.1", "1.3.0"}) {
    const auto guest = for_guest(with(R"("ociVersion": ")" + std::string(version) + "\""));
    EXPECT_EQ(guest.at("ociVersion"), "1.0.2") << version;
  }
  EXPECT_FALSE(for_guest(plain).contains("ociVersion"));
}

TEST(Spec, OtherVersionsAreRefusedByName) {
  for (const char* version : {"2.0.0", "0.9", "10.0.0"}) {
    const auto s = spec::parse(with(R"("ociVersion": ")" + std::string(version) + "\""));
    const auto guest = s.value().for_guest({.root = "/guest/root", .cgroup = "/hvsock/c1"});
    ASSERT_FALSE(guest) << version;
    EXPECT_EQ(guest.error().code(), flow::error_code(errc::invalid_argument));
    EXPECT_NE(guest.error().message().find(version), std::string::npos);
  }
}

TEST(Spec, WithoutALinuxSectionTheCgroupIsStillOurs) {
  EXPECT_EQ(for_guest(plain).at("linux").at("cgroupsPath"), "/hvsock/c1");
  EXPECT_EQ(for_guest(with(R"("linux": "none")")).at("linux").at("cgroupsPath"), "/hvsock/c1");
}

TEST(Spec, HooksOfTheHostDoNotReachTheGuest) {
  const auto guest =
      for_guest(with(R"("hooks": {"prestart": [{"path": "/usr/bin/nvidia-hook"}]})"));
  EXPECT_FALSE(guest.contains("hooks"));
}

TEST(Spec, LabelsOfTheHostsSecurityModulesAreDropped) {
  const auto guest = for_guest(
      R"({"process": {"apparmorProfile": "cri", "selinuxLabel": "s0", "cwd": "/"},
          "root": {"path": "rootfs"}, "linux": {"mountLabel": "s0", "intelRdt": {}}})");
  EXPECT_FALSE(guest.at("process").as_object().contains("apparmorProfile"));
  EXPECT_FALSE(guest.at("process").as_object().contains("selinuxLabel"));
  EXPECT_EQ(guest.at("process").at("cwd"), "/");
  EXPECT_FALSE(guest.at("linux").as_object().contains("mountLabel"));
  EXPECT_FALSE(guest.at("linux").as_object().contains("intelRdt"));
}

TEST(Spec, NamespacesOfTheHostBecomeNewOnes) {
  const auto guest = for_guest(with(
      R"("linux": {"namespaces": [{"type": "network", "path": "/proc/1/ns/net"},
                                  {"type": "mount"}, "odd", 5]})"));
  const auto& namespaces = guest.at("linux").at("namespaces").as_array();
  EXPECT_EQ(namespaces.size(), 4U);
  EXPECT_EQ(namespaces.at(0).at("type"), "network");
  EXPECT_FALSE(namespaces.at(0).as_object().contains("path"));
}

TEST(Spec, NetworkIsTheHostsANewOneOrTheOneAtAPath) {
  const auto network = [](const std::string& linux) {
    const auto s = spec::parse(with("\"linux\": " + linux));
    EXPECT_TRUE(s) << s.error().message();
    return s.value().network_namespace();
  };
  EXPECT_EQ(network("{}"), std::nullopt);
  EXPECT_EQ(network("3"), std::nullopt);
  EXPECT_EQ(network(R"({"namespaces": 7})"), std::nullopt);
  EXPECT_EQ(network(R"({"namespaces": [{"type": "pid", "path": "/p"}, 1]})"), std::nullopt);
  EXPECT_EQ(network(R"({"namespaces": [{"type": "pid"}, {"type": "network"}]})"), "");
  EXPECT_EQ(network(R"({"namespaces": [{"type": "network", "path": "/run/n"}]})"), "/run/n");
}

TEST(Spec, ResourcesMustBeAnObject) {
  EXPECT_EQ(shim::resources_for_guest(R"({"pids":{"limit":7}})").value(),
            R"({"pids":{"limit":7}})");
  EXPECT_TRUE(shim::resources_for_guest(
      R"({"memory":{"limit":-1,"x":[]},"cpu":{"cpus":"0-1","shares":2},"pids":null,"y":3})"));
  for (const char* text :
       {"", "x", "[]", "1", "null", R"({"memory":"plenty"})", R"({"memory":{"limit":"1"}})",
        R"({"cpu":{"cpus":1}})", R"({"cpu":{"quota":1.5}})", R"({"pids":[]})"}) {
    const auto refused = shim::resources_for_guest(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code(), errc::invalid_argument) << text;
  }
}

TEST(Spec, NamespacesThatThePodSharesAreThoseOfTheGuest) {
  const auto guest = for_guest(
      with(
          R"("linux": {"namespaces": [{"type": "ipc", "path": "/proc/7/ns/ipc"}, {"type": "pid"},
                                  {"type": "uts", "path": "/proc/7/ns/uts"}]})"),
      {.namespaces = {{"ipc /proc/7/ns/ipc", "/proc/42/ns/ipc"}, {"uts /proc/7/ns/uts", ""}}});
  const auto& namespaces = guest.at("linux").at("namespaces").as_array();
  EXPECT_EQ(namespaces.at(0).at("path"), "/proc/42/ns/ipc");
  EXPECT_FALSE(namespaces.at(1).as_object().contains("path"));
  EXPECT_FALSE(namespaces.at(2).as_object().contains("path"));
}

TEST(Spec, BindMountsAreSharedWithTheGuest) {
  const auto guest = for_guest(
      with(
          R"("mounts": [
      {"destination": "/a", "type": "bind", "source": "/srv/a"},
      {"destination": "/b", "source": "/srv/b", "options": ["ro", "rbind"]},
      {"destination": "/t", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid"]},
      {"destination": "/c", "type": "none", "source": "/srv/c", "options": ["bind"]}])"),
      {.bind_sources = {{"/srv/a", "/guest/1"}, {"/srv/b", "/guest/2"}, {"/srv/c", "/guest/3"}}});
  const auto& mounts = guest.at("mounts").as_array();
  EXPECT_EQ(mounts.at(0).at("source"), "/guest/1");
  EXPECT_EQ(mounts.at(1).at("source"), "/guest/2");
  EXPECT_EQ(mounts.at(2).at("source"), "tmpfs");
  EXPECT_EQ(mounts.at(3).at("source"), "/guest/3");
}

TEST(Spec, WhatBelongsToTheKernelIsTheGuestsOwn) {
  const auto guest = for_guest(with(
      R"("mounts": [{"type": "bind", "source": "/sys/fs/cgroup", "destination": "/a"},
                    {"type": "bind", "source": "/proc", "destination": "/b"},
                    {"type": "bind", "source": "/run/../proc/sys", "destination": "/c"}])"));
  EXPECT_EQ(guest.at("mounts").at(0).at("source"), "/sys/fs/cgroup");
}

TEST(Spec, PathThatOnlyBeginsInProcIsNotTheKernels) {
  for (const std::string source : {"/proc/../etc/hosts", "/processes"}) {
    const auto guest =
        for_guest(with(R"("mounts": [{"type": "bind", "source": ")" + source + R"("}])"),
                  {.bind_sources = {{source, "/guest/1"}}});
    EXPECT_EQ(guest.at("mounts").at(0).at("source"), "/guest/1");
  }
}

TEST(Spec, BrokenMountsAreInvalid) {
  for (const char* mounts :
       {R"([5])", R"([{"type": "bind"}])", R"([{"type": "bind", "source": 5}])",
        R"([{"options": ["bind"], "source": ""}])"}) {
    const auto s = spec::parse(with(std::string("\"mounts\": ") + mounts));
    ASSERT_TRUE(s);
    const auto named = s.value().names_of_host();
    ASSERT_FALSE(named) << mounts;
    EXPECT_EQ(named.error().code(), flow::error_code(errc::invalid_argument));
  }
}

TEST(Spec, ExecsProcessLosesTheLabelsOfTheHost) {
  const auto text = shim::process_for_guest(
      R"({"args": ["ls"], "apparmorProfile": "cri", "selinuxLabel": "s0"})");
  ASSERT_TRUE(text);
  EXPECT_EQ(json::parse(text.value()), json::parse(R"({"args": ["ls"]})"));
}

TEST(Spec, ExecsProcessMustBeAnObject) {
  for (const char* text : {"", "[]", "\"ls\"", "{", "null"}) {
    EXPECT_FALSE(shim::process_for_guest(text)) << text;
  }
}

TEST(Spec, FileSystemsOnDisksAreMountedByTheAgentAndBound) {
  const auto text = with(R"("mounts": [
      {"type": "ext4", "source": "/dev/vg/data", "destination": "/data", "options": ["ro", "noatime"]},
      {"type": "tmpfs", "source": "tmpfs", "destination": "/tmp"},
      {"type": "erofs", "source": "/models.erofs", "destination": "/models"}])");
  const auto named = spec::parse(text).value().names_of_host();
  ASSERT_TRUE(named);
  ASSERT_EQ(named.value().disks.size(), 2U);
  EXPECT_EQ(named.value().disks[0].type, "ext4");
  EXPECT_EQ(named.value().disks[0].options, (std::vector<std::string>{"ro", "noatime"}));
  EXPECT_TRUE(named.value().bind_sources.empty());
  const auto guest =
      for_guest(text, {.disks = {{"/dev/vg/data", "/m1"}, {"/models.erofs", "/m2"}}});
  const auto& mounts = guest.at("mounts");
  EXPECT_EQ(mounts.at(0), json::parse(R"({"type": "bind", "source": "/m1", "destination": "/data",
                                          "options": ["rbind", "ro"]})"));
  EXPECT_EQ(mounts.at(1).at("type"), "tmpfs");
  EXPECT_EQ(mounts.at(2).at("source"), "/m2");
}
