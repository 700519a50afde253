// Names in the generated code for the declarations of a .proto file.
#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <string_view>

namespace protoc_gen_ttrpc {

// CloseIO -> close_io, ResizePty -> resize_pty, StateV2 -> state_v2.
std::string snake_case(std::string_view name);

// The function of a method: snake case, with an underscore appended to a keyword (delete_).
std::string function_name(const google::protobuf::MethodDescriptor& method);

// a.b -> a::b
std::string namespace_of(const google::protobuf::FileDescriptor& file);

// dir/x.proto and ".ttrpc.hpp" -> dir/x.ttrpc.hpp
std::string output_name(const google::protobuf::FileDescriptor& file, std::string_view suffix);

// ::a::b::Request
std::string input_type(const google::protobuf::MethodDescriptor& method);
std::string output_type(const google::protobuf::MethodDescriptor& method);

}  // namespace protoc_gen_ttrpc
