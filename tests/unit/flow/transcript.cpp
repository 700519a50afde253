#include "tests/unit/flow/transcript.hpp"

#include <boost/json.hpp>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tests/unit/flow/pattern.hpp"

namespace tests {
namespace {

namespace json = boost::json;

std::string text(const json::object& o, json::string_view key) {
  const auto* v = o.if_contains(key);
  return v != nullptr ? json::value_to<std::string>(*v) : std::string();
}

std::size_t number(const json::object& o, json::string_view key) {
  const auto* v = o.if_contains(key);
  return v != nullptr ? v->to_number<std::size_t>() : 0;
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoul(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

// Bytes are given in full, or frame by frame if payloads are long: those are the pattern.
std::string wire_bytes(const json::value& wire) {
  if (wire.is_string()) {
    return from_hex(json::value_to<std::string>(wire));
  }
  std::string bytes;
  for (const auto& entry : wire.as_array()) {
    const auto& frame = entry.as_object();
    bytes += from_hex(text(frame, "header_hex"));
    bytes += pattern(number(frame, "payload_len"), number(frame, "payload_offset"));
  }
  return bytes;
}

transcript_step to_step(const json::object& o) {
  transcript_step s;
  s.number = number(o, "step");
  s.by_peer = text(o, "actor") == "peer";
  s.op = text(o, "op");
  s.phase = text(o, "phase");
  s.of = number(o, "of");
  s.group = number(o, "group");
  const auto& args = o.at("args").as_object();
  if (const auto* lens = args.if_contains("lens")) {
    s.writes = json::value_to<std::vector<std::size_t>>(*lens);
  } else if (args.contains("len")) {
    s.writes.push_back(number(args, "len"));
  }
  s.offset = number(args, "offset");
  s.how = text(args, "how");
  s.bytes = wire_bytes(o.at("wire_hex"));
  s.frames = json::value_to<std::vector<std::string>>(o.at("frames"));
  const auto& result = o.at("result").as_object();
  s.status = text(result, "status");
  if (s.status == "data") {
    s.read = number(result, "len");
    if (!result.at("offset").is_null()) {
      s.read_offset = number(result, "offset");
    }
  }
  return s;
}

}  // namespace

const transcript_step* transcript::result_of(const transcript_step& s) const {
  if (s.phase == "call") {
    return &s;
  }
  for (const auto& later : steps) {
    if (later.phase == "return" && later.of == s.number) {
      return &later;
    }
  }
  return nullptr;
}

std::vector<transcript> load_transcripts(const std::string& file) {
  std::ifstream in(file);
  if (!in) {
    throw std::runtime_error("cannot read " + file);
  }
  std::stringstream all;
  all << in.rdbuf();
  std::vector<transcript> transcripts;
  const json::value root = json::parse(all.str());
  for (const auto& scenario : root.as_array()) {
    transcript t;
    t.name = text(scenario.as_object(), "name");
    for (const auto& step : scenario.as_object().at("steps").as_array()) {
      t.steps.push_back(to_step(step.as_object()));
    }
    transcripts.push_back(std::move(t));
  }
  return transcripts;
}

}  // namespace tests
