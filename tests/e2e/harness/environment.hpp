// Settings of a test from the environment: how often it repeats random choices.
#pragma once

#include <cstdlib>

namespace e2e {

inline unsigned from_environment(const char* name, unsigned otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

}  // namespace e2e
