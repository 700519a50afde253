// Times in the form of containerd's messages.
#pragma once

#include <cstdint>

#include "google/protobuf/timestamp.pb.h"

namespace shim {

// The wall clock's time, since the Unix epoch.
std::int64_t nanoseconds_now();

google::protobuf::Timestamp timestamp_now();

// `nanoseconds` since the Unix epoch.
google::protobuf::Timestamp timestamp_at(std::int64_t nanoseconds);

// The time that containerd shows for "has not happened": Go's zero time, 1 January of year 1.
google::protobuf::Timestamp timestamp_never();

}  // namespace shim
