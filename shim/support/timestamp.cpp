#include "shim/support/timestamp.hpp"

#include <chrono>

namespace shim {

google::protobuf::Timestamp timestamp_at(std::int64_t nanoseconds) {
  constexpr std::int64_t second = 1'000'000'000;
  google::protobuf::Timestamp t;
  t.set_seconds(nanoseconds / second);
  t.set_nanos(static_cast<std::int32_t>(nanoseconds % second));
  // The nanosecond field is never negative, even before 1970.
  if (t.nanos() < 0) {
    t.set_seconds(t.seconds() - 1);
    t.set_nanos(t.nanos() + static_cast<std::int32_t>(second));
  }
  return t;
}

std::int64_t nanoseconds_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

google::protobuf::Timestamp timestamp_now() {
  return timestamp_at(nanoseconds_now());
}

google::protobuf::Timestamp timestamp_never() {
  google::protobuf::Timestamp t;
  t.set_seconds(-62135596800);
  return t;
}

}  // namespace shim
