// Reads JSON of foreign origin: a member that is missing or of another type is absent, not
// an error.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "flow/error.hpp"

namespace shim {

// errc::invalid_argument if `text` is not JSON or not an object.
flow::result<boost::json::object> parse_object(const std::string& text);

// The member of that type; nullptr if there is none.
boost::json::object* object_in(boost::json::object& parent, std::string_view name);
boost::json::array* array_in(boost::json::object& parent, std::string_view name);

// The member; empty if there is none that is a string.
std::string string_in(const boost::json::object& parent, std::string_view name);

}  // namespace shim
