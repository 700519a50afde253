// Prints the classes that are generated for a service.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/printer.h>

namespace protoc_gen_ttrpc {

// class x_service: what an implementation derives from.
void declare_service(google::protobuf::io::Printer& out,
                     const google::protobuf::ServiceDescriptor& service);
void define_service(google::protobuf::io::Printer& out,
                    const google::protobuf::ServiceDescriptor& service);

// class x_client: what calls it.
void declare_client(google::protobuf::io::Printer& out,
                    const google::protobuf::ServiceDescriptor& service);
void define_client(google::protobuf::io::Printer& out,
                   const google::protobuf::ServiceDescriptor& service);

}  // namespace protoc_gen_ttrpc
