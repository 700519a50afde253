#include "runtime_api/protoc_gen_ttrpc/code.hpp"
#include "runtime_api/protoc_gen_ttrpc/method_kind.hpp"
#include "runtime_api/protoc_gen_ttrpc/names.hpp"

namespace protoc_gen_ttrpc {
namespace {

using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;
using google::protobuf::io::Printer;
using variables = std::map<std::string, std::string>;

struct call_form {
  std::string result;
  std::string wrap;  // makes the result of a client_stream
  std::string kind;  // a ttrpc::client_stream::kind
};

call_form form_of(const MethodDescriptor& method) {
  const std::string in = input_type(method);
  const std::string out = output_type(method);
  switch (kind_of(method)) {
    case method_kind::unary:
      return {"::flow::awaitable<::flow::result<" + out + ">>",
              "::ttrpc::detail::run_unary<" + out + ">", "unary"};
    case method_kind::client_streaming: {
      const std::string type = "::ttrpc::client_writer<" + in + ", " + out + ">";
      return {type, type, "client_streaming"};
    }
    case method_kind::server_streaming: {
      const std::string type = "::ttrpc::client_reader<" + out + ">";
      return {type, type, "server_streaming"};
    }
    case method_kind::bidirectional: {
      const std::string type = "::ttrpc::client_duplex<" + in + ", " + out + ">";
      return {type, type, "bidirectional"};
    }
  }
  return {};
}

variables names(const ServiceDescriptor& service) {
  return {{"class", snake_case(service.name()) + "_client"},
          {"service_class", snake_case(service.name()) + "_service"},
          {"full_name", service.full_name()}};
}

variables names(const MethodDescriptor& method) {
  const call_form form = form_of(method);
  variables v = names(*method.service());
  v["function"] = function_name(method);
  v["method"] = method.name();
  v["result"] = form.result;
  v["wrap"] = form.wrap;
  v["kind"] = form.kind;
  v["parameter"] = method.client_streaming() ? "" : "const " + input_type(method) + "& request, ";
  v["argument"] = method.client_streaming() ? "nullptr" : "&request";
  return v;
}

}  // namespace

void declare_client(Printer& out, const ServiceDescriptor& service) {
  out.Print(names(service),
            "\n"
            "// Calls $full_name$, or the same service under another name.\n"
            "// The ttrpc client outlives this object. Requests are serialised inside the call.\n"
            "class $class$ {\n"
            " public:\n"
            "  explicit $class$(const ::ttrpc::client& client,\n"
            "      std::string service = std::string($service_class$::service_name));\n"
            "\n");
  for (int i = 0; i < service.method_count(); ++i) {
    out.Print(names(*service.method(i)),
              "  $result$ $function$(\n"
              "      $parameter$::ttrpc::call_options options = ::ttrpc::call_options()) const;\n");
  }
  out.Print(
      "\n"
      " private:\n"
      "  const ::ttrpc::client* client_;\n"
      "  std::string service_;\n"
      "};\n");
}

void define_client(Printer& out, const ServiceDescriptor& service) {
  out.Print(names(service),
            "\n"
            "$class$::$class$(const ::ttrpc::client& client, std::string service)\n"
            "    : client_(&client), service_(std::move(service)) {}\n");
  for (int i = 0; i < service.method_count(); ++i) {
    out.Print(names(*service.method(i)),
              "\n"
              "$result$ $class$::$function$(\n"
              "    $parameter$::ttrpc::call_options options) const {\n"
              "  return $wrap$(::ttrpc::detail::make_call(\n"
              "      *client_, ::ttrpc::client_stream::kind::$kind$, service_, \"$method$\",\n"
              "      $argument$, std::move(options)));\n"
              "}\n");
  }
}

}  // namespace protoc_gen_ttrpc
