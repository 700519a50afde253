#include "flow/tools/checksum.hpp"

#include <array>

namespace flow::tools {

checksum::checksum() : context_() {
  ::SHA256Init(&context_);
}

void checksum::on_piece(asio::const_buffer piece) {
  ::SHA256Update(&context_, static_cast<const std::uint8_t*>(piece.data()), piece.size());
  bytes_ += piece.size();
}

std::string checksum::digest() const {
  SHA2_CTX copy = context_;
  std::array<char, SHA256_DIGEST_STRING_LENGTH> digits{};
  ::SHA256End(&copy, digits.data());
  return {digits.data(), digits.size() - 1};
}

}  // namespace flow::tools
