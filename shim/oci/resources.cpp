#include "shim/oci/resources.hpp"

#include <array>
#include <boost/json/serialize.hpp>

#include "shim/oci/json_object.hpp"

namespace shim {

using flow::errc;
using flow::error;
using flow::result;
namespace json = boost::json;

namespace {

// The limits that an update may change. The guest's OCI runtime silently ignores values of the
// wrong type; the client would think they applied.
struct resource {
  std::string_view section;
  std::string_view name;
  bool text = false;  // otherwise a number
};
constexpr std::array known_resources{
    resource{"memory", "limit"},   resource{"memory", "reservation"}, resource{"memory", "swap"},
    resource{"cpu", "shares"},     resource{"cpu", "quota"},          resource{"cpu", "period"},
    resource{"cpu", "burst"},      resource{"cpu", "idle"},           resource{"cpu", "cpus", true},
    resource{"cpu", "mems", true}, resource{"pids", "limit"},         resource{"blockIO", "weight"},
};

// Go leaves a field that is null unchanged.
result<void> check_resources(const json::object& resources) {
  for (const auto& known : known_resources) {
    const auto* section = resources.if_contains(known.section);
    if (section == nullptr || section->is_null()) {
      continue;
    }
    if (!section->is_object()) {
      return error(errc::invalid_argument, std::string(known.section) + " is not an object");
    }
    const auto* value = section->as_object().if_contains(known.name);
    if (value == nullptr || value->is_null()) {
      continue;
    }
    if (known.text ? !value->is_string() : !value->is_int64() && !value->is_uint64()) {
      return error(errc::invalid_argument, std::string(known.section) + "." +
                                               std::string(known.name) + " is not " +
                                               (known.text ? "a string" : "an integer"));
    }
  }
  return {};
}

}  // namespace

result<std::string> resources_for_guest(const std::string& text) {
  const auto resources = parse_object(text);
  if (!resources) {
    return flow::error(resources.error()).in("resources");
  }
  if (auto checked = check_resources(resources.value()); !checked) {
    return std::move(checked).error().in("resources");
  }
  return json::serialize(resources.value());
}

}  // namespace shim
