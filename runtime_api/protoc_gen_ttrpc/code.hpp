// Prints the classes that are generated for a service.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/printer.h>

namespace protoc_gen_ttrpc {

// class x_service: the base class of an implementation.
void declare_service(google::protobuf::io::Printer& out,
                     const google::protobuf::ServiceDescriptor& service);
void define_service(google::protobuf::io::Printer& out,
                    const google::protobuf::ServiceDescriptor& service);

// class x_client: calls the service.
void declare_client(google::protobuf::io::Printer& out,
                    const google::protobuf::ServiceDescriptor& service);
void define_client(google::protobuf::io::Printer& out,
                   const google::protobuf::ServiceDescriptor& service);

}  // namespace protoc_gen_ttrpc
