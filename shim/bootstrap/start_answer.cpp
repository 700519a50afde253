#include "shim/bootstrap/start_answer.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "containerd/runtime/bootstrap/v1/bootstrap.pb.h"

namespace shim {
namespace {

constexpr int newest_version = 3;
constexpr const char* protocol = "ttrpc";

}  // namespace

std::string start_answer(const std::string& address, bool parameters, std::uint32_t version) {
  if (parameters) {
    containerd::runtime::bootstrap::v1::BootstrapResult answer;
    answer.set_version(newest_version);
    answer.set_address(address);
    answer.set_protocol(protocol);
    return answer.SerializeAsString();
  }
  if (version == newest_version) {
    const boost::json::value answer = {
        {"version", version}, {"address", address}, {"protocol", protocol}};
    return boost::json::serialize(answer);
  }
  return address;
}

}  // namespace shim
