// Opens the client's end of an output by its name.
#pragma once

#include <memory>

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "shim/io/sink.hpp"
#include "shim/io/stdio_uri.hpp"

namespace shim {

// Opens what `uri` names:
//   ""                          output is discarded
//   "/path", "fifo:///path"     a FIFO; a file that is not one is appended to
//   "file:///path"              appended to, created with its directories if missing
// A FIFO is opened without waiting for its reader and kept open for one to come back. Loggers
// ("binary:///path") and streams that clients connect are opened by logger.hpp and streaming.hpp.
//
// errc::invalid_argument if the scheme is none of these or the path is not absolute; the system's
// error if the file cannot be opened.
flow::result<std::unique_ptr<sink>> open_sink(const flow::asio::any_io_executor& executor,
                                              const stdio_uri& uri);

}  // namespace shim
