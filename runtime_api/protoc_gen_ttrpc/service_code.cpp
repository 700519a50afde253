#include "runtime_api/protoc_gen_ttrpc/code.hpp"
#include "runtime_api/protoc_gen_ttrpc/method_kind.hpp"
#include "runtime_api/protoc_gen_ttrpc/names.hpp"

namespace protoc_gen_ttrpc {
namespace {

using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;
using google::protobuf::io::Printer;
using variables = std::map<std::string, std::string>;

// The handler's parameters after the context; named only in the declaration.
std::string parameters(const MethodDescriptor& method, bool named) {
  const auto name = [named](const char* text) { return named ? text : ""; };
  std::string in = "::ttrpc::stream_reader<" + input_type(method) + ">" + name(" in");
  const std::string out = "::ttrpc::stream_writer<" + output_type(method) + ">" + name(" out");
  std::string request = "const " + input_type(method) + "&" + name(" request");
  switch (kind_of(method)) {
    case method_kind::unary:
      return request;
    case method_kind::client_streaming:
      return in;
    case method_kind::server_streaming:
      return request + ", " + out;
    case method_kind::bidirectional:
      return in + ", " + out;
  }
  return {};
}

std::string result_type(const MethodDescriptor& method) {
  return method.server_streaming() ? "void" : output_type(method);
}

// The template of runtime_api/ttrpc/service.hpp that calls this method's handler.
std::string invoker(const MethodDescriptor& method, const std::string& class_name) {
  const std::string handler = "&" + class_name + "::" + function_name(method);
  const std::string front = class_name + ", " + input_type(method) + ", ";
  switch (kind_of(method)) {
    case method_kind::unary:
      return "invoke_unary<" + front + handler + ">";
    case method_kind::client_streaming:
      return "invoke_client_streaming<" + front + handler + ">";
    case method_kind::server_streaming:
      return "invoke_server_streaming<" + front + output_type(method) + ", " + handler + ">";
    case method_kind::bidirectional:
      return "invoke_bidirectional<" + front + output_type(method) + ", " + handler + ">";
  }
  return {};
}

variables names(const ServiceDescriptor& service) {
  return {{"class", snake_case(service.name()) + "_service"}, {"full_name", service.full_name()}};
}

variables names(const MethodDescriptor& method) {
  variables v = names(*method.service());
  v["function"] = function_name(method);
  v["method"] = method.name();
  v["result"] = "::flow::awaitable<::flow::result<" + result_type(method) + ">>";
  v["named"] = parameters(method, true);
  v["unnamed"] = parameters(method, false);
  v["client_streaming"] = method.client_streaming() ? "true" : "false";
  v["server_streaming"] = method.server_streaming() ? "true" : "false";
  v["invoker"] = invoker(method, v["class"]);
  return v;
}

}  // namespace

void declare_service(Printer& out, const ServiceDescriptor& service) {
  out.Print(
      names(service),
      "\n"
      "// Implements $full_name$: override what is supported, the rest answers unimplemented.\n"
      "// References are valid until the handler has returned.\n"
      "class $class$ : public ::ttrpc::service {\n"
      " public:\n"
      "  static constexpr std::string_view service_name = \"$full_name$\";\n"
      "\n");
  for (int i = 0; i < service.method_count(); ++i) {
    out.Print(names(*service.method(i)),
              "  virtual $result$ $function$(\n"
              "      ::ttrpc::call_context& context, $named$);\n");
  }
  out.Print(
      "\n"
      "  std::string_view name() const noexcept final;\n"
      "  std::span<const ::ttrpc::method> methods() const noexcept final;\n"
      "};\n");
}

void define_service(Printer& out, const ServiceDescriptor& service) {
  for (int i = 0; i < service.method_count(); ++i) {
    out.Print(names(*service.method(i)),
              "\n"
              "$result$ $class$::$function$(\n"
              "    ::ttrpc::call_context&, $unnamed$) {\n"
              "  co_return ::ttrpc::unimplemented_method(\"$method$\");\n"
              "}\n");
  }
  out.Print(names(service),
            "\n"
            "std::string_view $class$::name() const noexcept {\n"
            "  return service_name;\n"
            "}\n"
            "\n"
            "std::span<const ::ttrpc::method> $class$::methods() const noexcept {\n");
  if (service.method_count() == 0) {
    out.Print("  return {};\n}\n");
    return;
  }
  out.Print("  static constexpr ::ttrpc::method table[] = {\n");
  for (int i = 0; i < service.method_count(); ++i) {
    out.Print(names(*service.method(i)),
              "      {\"$method$\", $client_streaming$, $server_streaming$,\n"
              "       &::ttrpc::detail::$invoker$},\n");
  }
  out.Print(
      "  };\n"
      "  return table;\n"
      "}\n");
}

}  // namespace protoc_gen_ttrpc
