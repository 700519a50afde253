#include "runtime_api/ttrpc/encoding.hpp"

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>

#include "runtime_api/ttrpc/status.hpp"
#include "ttrpc/ttrpc.pb.h"

namespace ttrpc {
namespace {

using google::protobuf::MessageLite;
using google::protobuf::io::CodedOutputStream;

// A message in two consecutive parts: the fields in `head`, and `payload` as the bytes field
// `payload_field`. Parts of a protobuf message may be concatenated in any order.
struct parts {
  const MessageLite* head = nullptr;
  const MessageLite* payload = nullptr;
  int payload_field = 0;
};

constexpr std::uint32_t length_delimited = 2;

std::uint8_t* bytes_at(std::string& frame, std::size_t position) {
  return reinterpret_cast<std::uint8_t*>(frame.data()) + position;
}

void put_header(std::string& frame, frame_header header) {
  header.length = static_cast<std::uint32_t>(frame.size() - frame_header_size);
  const auto bytes = encode_header(header);
  std::copy(bytes.begin(), bytes.end(), frame.begin());
}

flow::result<std::string> encode(const frame_header& header, const parts& p) {
  const std::size_t head_size = p.head == nullptr ? 0 : p.head->ByteSizeLong();
  const std::size_t payload_size = p.payload == nullptr ? 0 : p.payload->ByteSizeLong();
  // An empty bytes field is the same as an absent one.
  const bool has_field = p.payload_field != 0 && payload_size != 0;
  const std::uint32_t tag = static_cast<std::uint32_t>(p.payload_field) << 3U | length_delimited;
  std::size_t size = head_size + payload_size;
  if (has_field) {
    size += CodedOutputStream::VarintSize32(tag) + CodedOutputStream::VarintSize64(payload_size);
  }
  if (size > max_message_length) {
    return oversized_error(size);
  }

  std::string frame(frame_header_size + size, '\0');
  put_header(frame, header);
  std::uint8_t* at = bytes_at(frame, frame_header_size);
  if (p.head != nullptr) {
    at = p.head->SerializeWithCachedSizesToArray(at);
  }
  if (has_field) {
    at = CodedOutputStream::WriteVarint32ToArray(tag, at);
    at = CodedOutputStream::WriteVarint32ToArray(static_cast<std::uint32_t>(payload_size), at);
  }
  if (p.payload != nullptr) {
    p.payload->SerializeWithCachedSizesToArray(at);
  }
  return frame;
}

}  // namespace

flow::error oversized_error(std::size_t length) {
  return {code::resource_exhausted, "message length " + std::to_string(length) +
                                        " exceed maximum message size of " +
                                        std::to_string(max_message_length)};
}

flow::result<std::string> encode_request(std::uint8_t flags, std::string_view service,
                                         std::string_view method, const MessageLite* payload,
                                         std::chrono::nanoseconds timeout, const metadata& values) {
  Request head;
  head.set_service(service.data(), service.size());
  head.set_method(method.data(), method.size());
  head.set_timeout_nano(timeout.count());
  for (const auto& [key, value] : values) {
    KeyValue& pair = *head.add_metadata();
    pair.set_key(key);
    pair.set_value(value);
  }
  return encode({.type = message_type::request, .flags = flags},
                {.head = &head, .payload = payload, .payload_field = Request::kPayloadFieldNumber});
}

void set_stream_id(std::string& frame, std::uint32_t id) noexcept {
  const auto bytes = encode_header({.stream_id = id});
  std::copy(bytes.begin() + 4, bytes.begin() + 8, frame.begin() + 4);
}

flow::result<std::string> encode_response(std::uint32_t id, const MessageLite& payload) {
  return encode({.stream_id = id, .type = message_type::response},
                {.payload = &payload, .payload_field = Response::kPayloadFieldNumber});
}

std::string encode_failure(std::uint32_t id, const flow::error& e) {
  Response head;
  *head.mutable_status() = to_status(e);
  return *encode({.stream_id = id, .type = message_type::response}, {.head = &head});
}

flow::result<std::string> encode_data(std::uint32_t id, const MessageLite& payload) {
  return encode({.stream_id = id, .type = message_type::data}, {.payload = &payload});
}

std::string encode_end_of_data(std::uint32_t id) {
  std::string frame(frame_header_size, '\0');
  put_header(frame, {.stream_id = id,
                     .type = message_type::data,
                     .flags = static_cast<std::uint8_t>(flag_remote_closed | flag_no_data)});
  return frame;
}

flow::result<void> parse_payload(const std::string& bytes, MessageLite& to) {
  if (!to.ParseFromString(bytes)) {
    return flow::error(code::internal, "ttrpc: error unmarshalling payload: invalid wire format");
  }
  return {};
}

}  // namespace ttrpc
