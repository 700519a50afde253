// Common code around the work of every tool.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "flow/asio.hpp"
#include "flow/tools/exit_status.hpp"

namespace flow::tools {

// Runs the tool on its own io_context and returns the result of main(). SIGPIPE is ignored, and
// descriptors 0 to 2 are open, whatever the process was started with.
int run(const std::function<awaitable<exit_status>(asio::any_io_executor)>& body);

// One line on standard error: "hvcat: message".
void complain(std::string_view message);

// Writes all of the text to standard output; an error results in exit_status::failure where
// it matters.
bool print(std::string_view text);

}  // namespace flow::tools
