// What `start` is told on its stdin, and what it answers.
#include "shim/bootstrap/start_input.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "containerd/runc/v1/oci.pb.h"
#include "containerd/runtime/bootstrap/v1/bootstrap.pb.h"
#include "flow/system/file.hpp"
#include "runtimeoptions/v1/api.pb.h"
#include "shim/bootstrap/info.hpp"
#include "shim/bootstrap/start_answer.hpp"
#include "tests/support/temporary_directory.hpp"

using flow::errc;
using shim::parse_start_input;
using tests::temporary_directory;
namespace bootstrap = containerd::runtime::bootstrap::v1;

namespace {

shim::options some_options() {
  shim::options o;
  o.containerd_namespace = "default";
  o.id = "c1";
  return o;
}

google::protobuf::Any any_of(const std::string& type, const std::string& value) {
  google::protobuf::Any any;
  any.set_type_url(type);
  any.set_value(value);
  return any;
}

google::protobuf::Any config_at(const std::string& path, const std::string& body = "") {
  runtimeoptions::v1::Options o;
  o.set_config_path(path);
  o.set_config_body(body);
  return any_of("runtimeoptions.v1.Options", o.SerializeAsString());
}

google::protobuf::Any runc_options() {
  containerd::runc::v1::Options o;
  o.set_shim_cgroup("/shims");
  o.set_io_uid(1000);
  o.set_binary_name("/usr/bin/other");
  return any_of("containerd.runc.v1.Options", o.SerializeAsString());
}

bootstrap::BootstrapParams parameters() {
  bootstrap::BootstrapParams params;
  params.set_instance_id("c1");
  params.set_namespace_("default");
  return params;
}

flow::result<shim::start_input> parse(const google::protobuf::MessageLite& message) {
  return parse_start_input(message.SerializeAsString(), some_options());
}

}  // namespace

TEST(StartInput, MayBeNothing) {
  const auto input = parse_start_input("", some_options());
  ASSERT_TRUE(input);
  EXPECT_FALSE(input.value().parameters);
  EXPECT_TRUE(input.value().runtime.config_path.empty());
}

TEST(StartInput, OptionsNameTheConfiguration) {
  for (const char* prefix : {"", "type.googleapis.com/"}) {
    auto any = config_at("/etc/hvsock/other.toml");
    any.set_type_url(prefix + any.type_url());
    const auto input = parse(any);
    ASSERT_TRUE(input);
    EXPECT_EQ(input.value().runtime.config_path, "/etc/hvsock/other.toml");
    EXPECT_FALSE(input.value().parameters);
  }
}

TEST(StartInput, ConfigurationMayBeInlineAndAPathTakesPrecedence) {
  const auto inline_only = parse(config_at("", "[hypervisor]\nvcpus = 2\n"));
  ASSERT_TRUE(inline_only);
  EXPECT_EQ(inline_only.value().runtime.config_body, "[hypervisor]\nvcpus = 2\n");
  const auto both = parse(config_at("/c.toml", "[hypervisor]\n"));
  ASSERT_TRUE(both);
  EXPECT_EQ(both.value().runtime.config_path, "/c.toml");
  EXPECT_EQ(both.value().runtime.config_body, "");
}

TEST(StartInput, OfRuncsOptionsTheCgroupCounts) {
  const auto input = parse(runc_options());
  ASSERT_TRUE(input);
  EXPECT_EQ(input.value().runtime.shim_cgroup, "/shims");
  EXPECT_TRUE(input.value().runtime.config_path.empty());
}

TEST(StartInput, OptionsOfOtherRuntimesAreIgnored) {
  const auto input = parse(any_of("io.containerd.kata.v2.options", "\xff\xff"));
  ASSERT_TRUE(input);
  EXPECT_TRUE(input.value().runtime.config_path.empty());
}

TEST(StartInput, WrongFormsAreInvalid) {
  for (const auto& text :
       {std::string("not a message"), config_at("relative.toml").SerializeAsString(),
        any_of("runtimeoptions.v1.Options", "\xff\xff").SerializeAsString(),
        any_of("containerd.runc.v1.Options", "\xff\xff").SerializeAsString()}) {
    const auto input = parse_start_input(text, some_options());
    ASSERT_FALSE(input);
    EXPECT_EQ(input.error().code(), flow::error_code(errc::invalid_argument));
  }
}

TEST(StartInput, ParametersCarryOptionsAsExtensions) {
  auto params = parameters();
  *params.add_extensions()->mutable_value() = runc_options();
  *params.add_extensions()->mutable_value() = config_at("/c.toml");
  *params.add_extensions()->mutable_value() = any_of("something.else", "");
  params.set_log_level(bootstrap::LOG_LEVEL_DEBUG);
  params.set_containerd_ttrpc_address("/run/containerd/containerd.sock.ttrpc");
  params.set_socket_dir("/run/s");
  const auto input = parse(params);
  ASSERT_TRUE(input);
  EXPECT_TRUE(input.value().parameters);
  EXPECT_TRUE(input.value().debug);
  EXPECT_EQ(input.value().runtime.config_path, "/c.toml");
  EXPECT_EQ(input.value().runtime.shim_cgroup, "/shims");
  EXPECT_EQ(input.value().events_address, "/run/containerd/containerd.sock.ttrpc");
  EXPECT_EQ(input.value().socket_directory, "/run/s");
}

TEST(StartInput, ParametersWithoutAnythingAskForNothing) {
  const auto input = parse(parameters());
  ASSERT_TRUE(input);
  EXPECT_TRUE(input.value().parameters);
  EXPECT_FALSE(input.value().debug) << "the level is info";
  EXPECT_TRUE(input.value().socket_directory.empty());
}

// Either message parses as the other.
TEST(StartInput, ParametersOfAnotherShimAreNoParameters) {
  auto params = parameters();
  params.set_instance_id("c2");
  const auto input = parse(params);
  ASSERT_TRUE(input);
  EXPECT_FALSE(input.value().parameters);
}

TEST(StartInput, SocketDirectoryMustBeAbsolute) {
  auto params = parameters();
  params.set_socket_dir("s");
  EXPECT_FALSE(parse(params));
}

TEST(StartAnswer, IsTheAddressAloneWhereNothingIsKnownOfContainerd) {
  EXPECT_EQ(shim::start_answer("unix:///run/s/x", false, 2), "unix:///run/s/x");
}

TEST(StartAnswer, IsAResultForAContainerdThatSentParameters) {
  bootstrap::BootstrapResult answer;
  ASSERT_TRUE(answer.ParseFromString(shim::start_answer("unix:///run/s/x", true, 2)));
  EXPECT_EQ(answer.version(), 3);
  EXPECT_EQ(answer.address(), "unix:///run/s/x");
  EXPECT_EQ(answer.protocol(), "ttrpc");
}

TEST(StartAnswer, IsJsonWhereTheConfigurationSaysThatVersion3IsTaken) {
  const auto answer = boost::json::parse(shim::start_answer("unix:///run/s/x", false, 3));
  EXPECT_EQ(answer.at("version"), 3);
  EXPECT_EQ(answer.at("address"), "unix:///run/s/x");
  EXPECT_EQ(answer.at("protocol"), "ttrpc");
}

TEST(KeptConfig, NameIsFoundByDelete) {
  const temporary_directory bundle;
  EXPECT_TRUE(shim::kept_config_path(bundle / "").empty());
  const auto none = shim::keep_config(bundle / "", {});
  ASSERT_TRUE(none);
  EXPECT_TRUE(none.value().empty());
  EXPECT_TRUE(shim::kept_config_path(bundle / "").empty());
  shim::runtime_options named;
  named.config_path = "/c.toml";
  const auto kept = shim::keep_config(bundle / "", named);
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept.value(), "/c.toml");
  EXPECT_EQ(shim::kept_config_path(bundle / ""), "/c.toml");
}

TEST(KeptConfig, InlineTextBecomesAFileOfTheBundle) {
  const temporary_directory bundle;
  shim::runtime_options text_given;
  text_given.config_body = "[shim]\ndebug = true\n";
  const auto kept = shim::keep_config(bundle / "", text_given);
  ASSERT_TRUE(kept);
  EXPECT_TRUE(kept.value().is_absolute());
  EXPECT_EQ(shim::kept_config_path(bundle / ""), kept.value());
  const auto text = flow::read_file(kept.value());
  ASSERT_TRUE(text);
  EXPECT_EQ(text.value(), "[shim]\ndebug = true\n");
}

TEST(RuntimeInfo, SaysWhatWasAskedAboutAndWhatTheRuntimeCanDo) {
  const auto asked = config_at("/c.toml");
  const auto info = shim::runtime_info(asked.SerializeAsString(), {});
  EXPECT_EQ(info.name(), "io.containerd.hvsock.v2");
  EXPECT_EQ(info.options().type_url(), asked.type_url());
  EXPECT_EQ(info.features().type_url(),
            "types.containerd.io/opencontainers/runtime-spec/1/features/Features");
  const auto features = boost::json::parse(info.features().value());
  const auto& options = features.at("mountOptions").as_array();
  EXPECT_NE(std::find(options.begin(), options.end(), "rro"), options.end());
  EXPECT_FALSE(shim::runtime_info("", {}).has_options());
}

TEST(RuntimeInfo, NamesTheMountsTheGuestMakesOnlyWhereTheOperatorWantsThem) {
  constexpr const char* annotation = "containerd.io/runtime-allow-mounts";
  shim::config c;
  EXPECT_FALSE(shim::runtime_info("", c).annotations().contains(annotation));
  c.mount_in_guest = true;
  EXPECT_EQ(shim::runtime_info("", c).annotations().at(annotation), "mkdir/*,format/*,erofs,ext4");
}
