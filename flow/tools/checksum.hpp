// SHA-256 of the bytes that pass.
#pragma once

#include <sys/types.h>

#include <sha2.h>

#include <string>

#include "flow/copy.hpp"

namespace flow::tools {

class checksum final : public copy_observer {
 public:
  checksum();

  void on_piece(asio::const_buffer piece) override;

  std::uint64_t bytes() const noexcept { return bytes_; }

  // In hexadecimal, of all bytes so far.
  std::string digest() const;

 private:
  SHA2_CTX context_;
  std::uint64_t bytes_ = 0;
};

}  // namespace flow::tools
