#include "shim/oci/json_object.hpp"

#include <boost/json/parse.hpp>

namespace shim {

using flow::errc;
using flow::error;
using flow::result;
namespace json = boost::json;

result<json::object> parse_object(const std::string& text) {
  boost::system::error_code ec;
  auto value = json::parse(text, ec);
  if (ec) {
    return error(errc::invalid_argument, "not JSON: " + ec.message());
  }
  if (!value.is_object()) {
    return error(errc::invalid_argument, "not a JSON object");
  }
  return std::move(value.as_object());
}

json::object* object_in(json::object& parent, std::string_view name) {
  auto* value = parent.if_contains(name);
  return value != nullptr && value->is_object() ? &value->as_object() : nullptr;
}

json::array* array_in(json::object& parent, std::string_view name) {
  auto* value = parent.if_contains(name);
  return value != nullptr && value->is_array() ? &value->as_array() : nullptr;
}

std::string string_in(const json::object& parent, std::string_view name) {
  const auto* value = parent.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

}  // namespace shim
