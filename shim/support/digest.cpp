#include "shim/support/digest.hpp"

#include <sys/types.h>

#include <array>

#include <sha2.h>

namespace shim {

std::string sha256_hex(std::string_view text) {
  SHA2_CTX context;
  ::SHA256Init(&context);
  ::SHA256Update(&context, reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  std::array<char, SHA256_DIGEST_STRING_LENGTH> digits{};
  ::SHA256End(&context, digits.data());
  return {digits.data(), digits.size() - 1};
}

}  // namespace shim
