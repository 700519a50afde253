// The four kinds of methods: which of the two directions is a stream.
#pragma once

#include <google/protobuf/descriptor.h>

namespace protoc_gen_ttrpc {

enum class method_kind { unary, client_streaming, server_streaming, bidirectional };

inline method_kind kind_of(const google::protobuf::MethodDescriptor& method) {
  if (method.client_streaming()) {
    return method.server_streaming() ? method_kind::bidirectional : method_kind::client_streaming;
  }
  return method.server_streaming() ? method_kind::server_streaming : method_kind::unary;
}

}  // namespace protoc_gen_ttrpc
