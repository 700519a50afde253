#include "runtime_api/protoc_gen_ttrpc/names.hpp"

#include <google/protobuf/compiler/cpp/names.h>

#include <algorithm>
#include <array>

namespace protoc_gen_ttrpc {
namespace {

// Names that a function cannot have: keywords, and names that generated classes declare
// besides methods.
constexpr std::array taken =
    std::to_array<std::string_view>({"alignas",       "alignof",     "and",
                                     "and_eq",        "asm",         "auto",
                                     "bitand",        "bitor",       "bool",
                                     "break",         "case",        "catch",
                                     "char",          "char16_t",    "char32_t",
                                     "char8_t",       "class",       "co_await",
                                     "co_return",     "co_yield",    "compl",
                                     "concept",       "const",       "const_cast",
                                     "consteval",     "constexpr",   "constinit",
                                     "continue",      "decltype",    "default",
                                     "delete",        "do",          "double",
                                     "dynamic_cast",  "else",        "enum",
                                     "explicit",      "export",      "extern",
                                     "false",         "float",       "for",
                                     "friend",        "goto",        "if",
                                     "inline",        "int",         "long",
                                     "mutable",       "namespace",   "new",
                                     "noexcept",      "not",         "not_eq",
                                     "nullptr",       "operator",    "or",
                                     "or_eq",         "private",     "protected",
                                     "public",        "register",    "reinterpret_cast",
                                     "requires",      "return",      "short",
                                     "signed",        "sizeof",      "static",
                                     "static_assert", "static_cast", "struct",
                                     "switch",        "template",    "this",
                                     "thread_local",  "throw",       "true",
                                     "try",           "typedef",     "typeid",
                                     "typename",      "union",       "unsigned",
                                     "using",         "virtual",     "void",
                                     "volatile",      "wchar_t",     "while",
                                     "xor",           "xor_eq",      "methods",
                                     "name",          "service_name"});

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

}  // namespace

std::string snake_case(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (!is_upper(c)) {
      out += c;
      continue;
    }
    // A word begins at a capital after a small letter, and at the last capital of a run that is
    // followed by a small letter: PingHTTPServer -> ping_http_server.
    const bool after_word = i > 0 && is_lower_or_digit(name[i - 1]);
    const bool ends_run =
        i > 0 && is_upper(name[i - 1]) && i + 1 < name.size() && is_lower_or_digit(name[i + 1]);
    if (after_word || ends_run) {
      out += '_';
    }
    out += static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string function_name(const google::protobuf::MethodDescriptor& method) {
  std::string name = snake_case(method.name());
  if (std::find(taken.begin(), taken.end(), name) != taken.end()) {
    name += '_';
  }
  return name;
}

std::string namespace_of(const google::protobuf::FileDescriptor& file) {
  std::string out;
  for (const char c : file.package()) {
    if (c == '.') {
      out += "::";
    } else {
      out += c;
    }
  }
  return out;
}

std::string output_name(const google::protobuf::FileDescriptor& file, std::string_view suffix) {
  return google::protobuf::compiler::cpp::StripProto(file.name()).append(suffix);
}

std::string input_type(const google::protobuf::MethodDescriptor& method) {
  return google::protobuf::compiler::cpp::QualifiedClassName(method.input_type());
}

std::string output_type(const google::protobuf::MethodDescriptor& method) {
  return google::protobuf::compiler::cpp::QualifiedClassName(method.output_type());
}

}  // namespace protoc_gen_ttrpc
