// protoc-gen-ttrpc: generates x.ttrpc.hpp and x.ttrpc.cpp from an x.proto that declares services,
// to go with the x.pb.h of protoc's own C++ generator.
//
//   protoc --plugin=protoc-gen-ttrpc=PATH --ttrpc_out=DIR --cpp_out=lite:DIR x.proto
#include <google/protobuf/compiler/code_generator.h>
#include <google/protobuf/compiler/plugin.h>
#include <google/protobuf/io/zero_copy_stream.h>

#include <memory>

#include "runtime_api/protoc_gen_ttrpc/code.hpp"
#include "runtime_api/protoc_gen_ttrpc/names.hpp"

namespace protoc_gen_ttrpc {
namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::ServiceDescriptor;
using google::protobuf::io::Printer;

class generator final : public google::protobuf::compiler::CodeGenerator {
 public:
  bool Generate(const FileDescriptor* file, const std::string& /*parameter*/,
                google::protobuf::compiler::GeneratorContext* context,
                std::string* error) const override {
    if (file->service_count() == 0) {
      return true;
    }
    if (file->package().empty()) {
      *error = "a service needs a package";
      return false;
    }
    write_header(*file, *context);
    write_source(*file, *context);
    return true;
  }

  uint64_t GetSupportedFeatures() const override { return FEATURE_PROTO3_OPTIONAL; }

 private:
  using context = google::protobuf::compiler::GeneratorContext;
  using code = void (*)(Printer&, const ServiceDescriptor&);

  static void write_header(const FileDescriptor& file, context& target) {
    const std::unique_ptr<google::protobuf::io::ZeroCopyOutputStream> stream(
        target.Open(output_name(file, ".ttrpc.hpp")));
    Printer out(stream.get(), '$');
    out.Print(
        "// Generated from $file$ by protoc-gen-ttrpc; do not edit.\n"
        "#pragma once\n"
        "\n"
        "#include <span>\n"
        "#include <string>\n"
        "#include <string_view>\n"
        "\n"
        "#include \"$messages$\"\n"
        "#include \"runtime_api/ttrpc/client_stream.hpp\"\n"
        "#include \"runtime_api/ttrpc/service.hpp\"\n",
        "file", file.name(), "messages", output_name(file, ".pb.h"));
    write_services(file, out, declare_service, declare_client);
  }

  static void write_source(const FileDescriptor& file, context& target) {
    const std::unique_ptr<google::protobuf::io::ZeroCopyOutputStream> stream(
        target.Open(output_name(file, ".ttrpc.cpp")));
    Printer out(stream.get(), '$');
    out.Print(
        "// Generated from $file$ by protoc-gen-ttrpc; do not edit.\n"
        "#include \"$header$\"\n",
        "file", file.name(), "header", output_name(file, ".ttrpc.hpp"));
    write_services(file, out, define_service, define_client);
  }

  static void write_services(const FileDescriptor& file, Printer& out, code service, code client) {
    out.Print("\nnamespace $namespace$ {\n", "namespace", namespace_of(file));
    for (int i = 0; i < file.service_count(); ++i) {
      service(out, *file.service(i));
      if (file.service(i)->method_count() != 0) {
        client(out, *file.service(i));
      }
    }
    out.Print("\n}  // namespace $namespace$\n", "namespace", namespace_of(file));
  }
};

}  // namespace
}  // namespace protoc_gen_ttrpc

int main(int argc, char** argv) {
  const protoc_gen_ttrpc::generator generator;
  return google::protobuf::compiler::PluginMain(argc, argv, &generator);
}
