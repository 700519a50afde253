// Times as containerd's messages carry them.
#pragma once

#include <cstdint>

#include "google/protobuf/timestamp.pb.h"

namespace shim {

// By the wall clock, since the Unix epoch.
std::int64_t nanoseconds_now();

google::protobuf::Timestamp timestamp_now();

// `nanoseconds` since the Unix epoch.
google::protobuf::Timestamp timestamp_at(std::int64_t nanoseconds);

// What containerd shows for "has not happened": Go's zero time, the first of January of year 1.
google::protobuf::Timestamp timestamp_never();

}  // namespace shim
