// Builds complete frames, header and message in one string, and parses the contents of frames.
//
// A payload is serialised once, in place. Anything that can be too long returns resource_exhausted
// with the text that ttrpc uses for it.
#pragma once

#include <google/protobuf/message_lite.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "flow/error.hpp"
#include "runtime_api/ttrpc/frame.hpp"
#include "runtime_api/ttrpc/metadata.hpp"

namespace ttrpc {

// "message length N exceed maximum message size of 4194304"
flow::error oversized_error(std::size_t length);

// A request; the caller sets the stream ID. No payload if `payload` is null.
flow::result<std::string> encode_request(std::uint8_t flags, std::string_view service,
                                         std::string_view method,
                                         const google::protobuf::MessageLite* payload,
                                         std::chrono::nanoseconds timeout, const metadata& values);
void set_stream_id(std::string& frame, std::uint32_t id) noexcept;

// A successful response.
flow::result<std::string> encode_response(std::uint32_t id,
                                          const google::protobuf::MessageLite& payload);

// A response with the status of `e`. Always fits.
std::string encode_failure(std::uint32_t id, const flow::error& e);

flow::result<std::string> encode_data(std::uint32_t id,
                                      const google::protobuf::MessageLite& payload);

// The frame that ends a sender's data: remote closed, no data.
std::string encode_end_of_data(std::uint32_t id);

// The request or response of a method, or one message of its streams. A parse error is internal.
flow::result<void> parse_payload(const std::string& bytes, google::protobuf::MessageLite& to);

}  // namespace ttrpc
