// The manual pages and --help describe the same options.
#include <gtest/gtest.h>

#include <regex>

#include "flow/system/file.hpp"
#include "tests/unit/flow_tools/tool.hpp"

using namespace tests;

namespace {

// The name of an option as roff spells it: "\-\-max\-frame".
std::string in_roff(const std::string& option) {
  return std::regex_replace(option, std::regex("-"), "\\-");
}

std::string page(const std::string& name) {
  const auto text = flow::read_file(MANUAL_DIRECTORY "/" + name);
  EXPECT_TRUE(text) << text.error().message();
  return text ? *text : std::string();
}

}  // namespace

class Manual : public testing::TestWithParam<std::string> {};

TEST_P(Manual, HasEveryOptionOfTheProgram) {
  const auto help = run_tool(PROGRAM_DIRECTORY "/" + GetParam(), {"--help"}).output;
  const auto text = page(GetParam() + ".1") + page("hvsock-address.7");
  const std::regex option("--[a-z-]+");
  std::size_t options = 0;
  for (std::sregex_iterator i(help.begin(), help.end(), option), end; i != end; ++i) {
    EXPECT_NE(text.find(in_roff(i->str())), std::string::npos) << i->str();
    ++options;
  }
  EXPECT_GT(options, 8U);
}

INSTANTIATE_TEST_SUITE_P(, Manual, testing::Values("hvcat", "hvforward", "hvstress", "hvbench"));
