// Text for protobuf's string fields, which must be UTF-8: otherwise a receiver
// rejects the whole message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ttrpc {

// `text` with every byte that is not part of well-formed UTF-8 replaced by '?', cut to at most
// `max_size` bytes between two characters.
std::string to_utf8(std::string_view text, std::size_t max_size);

}  // namespace ttrpc
