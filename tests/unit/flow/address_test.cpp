// Addresses as text, and Hyper-V's names for ports.
#include "flow/address.hpp"

#include <gtest/gtest.h>

using namespace flow;

namespace {

const guid some_machine{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255}};

std::string canonical(std::string_view uri) {
  const auto a = parse_address(uri);
  return a ? to_uri(*a) : a.error().message();
}

std::string complaint(std::string_view uri) {
  const auto a = parse_address(uri);
  if (a) {
    return "none: " + to_uri(*a);
  }
  EXPECT_EQ(a.error().code(), errc::invalid_argument);
  // Every error names its subject.
  EXPECT_EQ(a.error().message().find("address \"" + std::string(uri) + "\": "), 0U);
  return a.error().message();
}

template <class T>
T parsed_as(std::string_view uri) {
  const auto a = parse_address(uri);
  EXPECT_TRUE(a) << a.error().message();
  EXPECT_TRUE(a && std::holds_alternative<T>(*a)) << uri;
  return a && std::holds_alternative<T>(*a) ? std::get<T>(*a) : T();
}

}  // namespace

TEST(Address, VsockNamesAndNumbersCoverAll32Bits) {
  EXPECT_EQ(parsed_as<vsock_address>("vsock://2:80"), (vsock_address{2, 80}));
  EXPECT_EQ(parsed_as<vsock_address>("vsock://2:80/"), (vsock_address{2, 80}));
  EXPECT_EQ(parsed_as<vsock_address>("vsock://:80"), (vsock_address{vsock_address::any, 80}));
  EXPECT_EQ(parsed_as<vsock_address>("vsock://any:any"), vsock_address());
  EXPECT_EQ(parsed_as<vsock_address>("vsock://host:1"), (vsock_address{2, 1}));
  EXPECT_EQ(parsed_as<vsock_address>("vsock://local:1"), (vsock_address{1, 1}));
  EXPECT_EQ(parsed_as<vsock_address>("vsock://hypervisor:1"), (vsock_address{0, 1}));
  EXPECT_EQ(parsed_as<vsock_address>("vsock://0x3:0x1F90"), (vsock_address{3, 8080}));
  EXPECT_EQ(parsed_as<vsock_address>("vsock://4294967294:4294967295"),
            (vsock_address{0xfffffffe, 0xffffffff}));
}

TEST(Address, OtherSchemesAreParsedIntoTheirParts) {
  EXPECT_EQ(parsed_as<unix_address>("unix:///run/s").path, "/run/s");
  EXPECT_EQ(parsed_as<unix_address>("unix://s").path, "s");
  EXPECT_EQ(parsed_as<unix_address>("unix:///a%20b:c d").path, "/a%20b:c d");
  EXPECT_EQ(parsed_as<hybrid_address>("hybrid:///run/v:1.sock:1024"),
            (hybrid_address{"/run/v:1.sock", 1024}));
  EXPECT_EQ(parsed_as<hyperkit_address>("hyperkit://:80/abs/dir"),
            (hyperkit_address{"/abs/dir", 80}));
  EXPECT_EQ(parsed_as<hyperkit_address>("hyperkit://:80/./rel"), (hyperkit_address{"rel", 80}));
  EXPECT_EQ(parsed_as<descriptor_address>("fd://7").fd, 7);
}

TEST(Address, HvsockTakesGuidsWellKnownMachinesAndNames) {
  const std::string service = "00000050-FACB-11E6-BD58-64006A7986D3";
  using machine = std::variant<guid, std::string>;
  const auto machine_of = [&](const std::string& text) {
    return parsed_as<hyperv_address>("hvsock://" + text + "/" + service).machine;
  };
  EXPECT_EQ(machine_of(""), machine(hyperv_wildcard));
  EXPECT_EQ(machine_of("wildcard"), machine(hyperv_wildcard));
  EXPECT_EQ(machine_of("parent"), machine(hyperv_parent));
  EXPECT_EQ(machine_of("loopback"), machine(hyperv_loopback));
  EXPECT_EQ(machine_of("children"), machine(hyperv_children));
  EXPECT_EQ(machine_of("a42e7cda-d03f-480c-9cc2-a4de20abb878"), machine(hyperv_parent));
  EXPECT_EQ(machine_of("my machine"), machine("my machine"));
  EXPECT_EQ(port_of_service(parsed_as<hyperv_address>("hvsock://parent/" + service).service), 80U);
}

TEST(Address, PrintsWhatItParses) {
  for (const std::string uri :
       {"vsock://2:1024", "vsock://any:4294967294", "vsock://any:any", "vsock://1:0",
        "hvsock://A42E7CDA-D03F-480C-9CC2-A4DE20ABB878/00000050-FACB-11E6-BD58-64006A7986D3",
        "hvsock://name/00000000-0000-0000-0000-0000000000FF", "hyperkit://:80/abs/dir",
        "hyperkit://:4294967295/./rel/dir", "hybrid:///run/v.sock:1024", "hybrid://rel:0",
        "unix:///run/s", "unix://s", "fd://0", "fd://2147483647"}) {
    EXPECT_EQ(canonical(uri), uri);
  }
  EXPECT_EQ(canonical("vsock://:0x10/"), "vsock://any:16");
  EXPECT_EQ(canonical("hvsock://parent/00000050-facb-11e6-bd58-64006a7986d3"),
            "hvsock://A42E7CDA-D03F-480C-9CC2-A4DE20ABB878/00000050-FACB-11E6-BD58-64006A7986D3");
  EXPECT_EQ(canonical("hyperkit://:0x50/./d"), "hyperkit://:80/./d");
}

TEST(Address, ComplaintsSayWhatIsWrong) {
  const auto says = [](std::string_view uri, std::string_view text) {
    const auto message = complaint(uri);
    EXPECT_NE(message.find(text), std::string::npos) << message;
  };
  says("", "begins with a scheme");
  says("/run/s", "begins with a scheme");
  says("tcp://1:2", "the scheme is not vsock");
  says("VSOCK://2:1", "the scheme is not vsock");
  says("vsock://2", "the port is missing");
  says("vsock://2:", "port \"\" is not a number");
  says("vsock://2:4294967296", "port \"4294967296\" is not a number from 0 to 4294967295");
  says("vsock://2:-1", "port \"-1\"");
  says("vsock://2: 1", "port \" 1\"");
  says("vsock://2:80//", "port \"80/\"");
  says("vsock://4294967296:1", "cid \"4294967296\"");
  says("vsock://guest:1", "cid \"guest\" is not any, hypervisor, local, host or a number");
  says("vsock://0x:1", "cid \"0x\"");
  says("hvsock://parent", "the service is missing");
  says("hvsock://parent/80", "service \"80\" is not a GUID");
  says("hvsock://parent/00000050+FACB-11E6-BD58-64006A7986D3", "is not a GUID");
  says("hyperkit://2:80/d", "the form is hyperkit://:PORT/DIRECTORY");
  says("hyperkit://:80", "the directory is missing");
  says("hyperkit://:x/d", "port \"x\"");
  says("hyperkit://:80/./", "the path is missing");
  says("hybrid:///run/v.sock", "the port is missing");
  says("hybrid:///run/v.sock:", "port \"\"");
  says("hybrid://:80", "the path is missing");
  says("unix://", "the path is missing");
  says(std::string_view("unix://a\0b", 10), "zero byte");
  says("fd://", "is not the number of a descriptor");
  says("fd://-1", "is not the number of a descriptor");
  says("fd://0x-1", "is not the number of a descriptor");
  says("fd://stdin", "is not the number of a descriptor");
}

TEST(HyperV, GuidsAreThirtyTwoDigitsInTheirGroups) {
  EXPECT_EQ(to_string(some_machine), "01020304-0506-0708-090A-0B0C0D0E0FFF");
  EXPECT_EQ(parse_guid(to_string(some_machine)), some_machine);
  EXPECT_EQ(parse_guid("01020304-0506-0708-090a-0b0c0d0e0fff"), some_machine);
  EXPECT_FALSE(parse_guid("01020304-0506-0708-090A-0B0C0D0E0FF"));
  EXPECT_FALSE(parse_guid("01020304-0506-0708-090A-0B0C0D0E0FFF0"));
  EXPECT_FALSE(parse_guid("0102030405060708-090A-0B0C0D0E0FFF----"));
  EXPECT_FALSE(parse_guid("0102030g-0506-0708-090A-0B0C0D0E0FFF"));
}

TEST(HyperV, PortsAndServicesAreOneAnother) {
  EXPECT_EQ(to_string(service_of_port(0x12345678)), "12345678-FACB-11E6-BD58-64006A7986D3");
  for (const std::uint32_t port : {0U, 1U, 80U, 0x7fffffffU, 0xffffffffU}) {
    EXPECT_EQ(port_of_service(service_of_port(port)), port);
  }
  EXPECT_EQ(port_of_service(some_machine), std::nullopt);
}

TEST(HyperV, OnlyWhatLinuxCanReachHasAVsockAddress) {
  const guid port80 = service_of_port(80);
  EXPECT_EQ(*to_vsock({hyperv_parent, port80}), (vsock_address{vsock_address::host, 80}));
  EXPECT_EQ(*to_vsock({hyperv_loopback, port80}), (vsock_address{vsock_address::local, 80}));
  EXPECT_EQ(*to_vsock({hyperv_wildcard, port80}), (vsock_address{vsock_address::any, 80}));
  const auto refused = [](const hyperv_address& a) { return to_vsock(a).error().code(); };
  EXPECT_EQ(refused({some_machine, port80}), errc::unsupported);
  EXPECT_EQ(refused({hyperv_children, port80}), errc::unsupported);
  EXPECT_EQ(refused({"name", port80}), errc::unsupported);
  EXPECT_EQ(refused({hyperv_parent, some_machine}), errc::unsupported);
  EXPECT_EQ(refused({hyperv_parent, service_of_port(0x80000000)}), errc::unsupported);
}
