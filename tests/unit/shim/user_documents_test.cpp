// The manual pages and the sample configuration say what the program does: every key with its real
// default and range, every flag and action.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <sstream>

#include "flow/system/file.hpp"
#include "shim/config/config.hpp"
#include "shim/options.hpp"
#include "tests/support/temporary_directory.hpp"

using shim::config;

namespace {

std::string document(const std::string& name) {
  const auto text = flow::read_file(HVSOCK_SOURCE_DIR "/" + name);
  EXPECT_TRUE(text) << text.error().message();
  return text ? *text : std::string();
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// As roff spells it: "\-\-max\-frame", "\(dqauto\(dq".
std::string in_roff(const std::string& text) {
  const auto hyphens = std::regex_replace(text, std::regex("-"), "\\-");
  return std::regex_replace(hyphens, std::regex("\""), "\\(dq");
}

// A key of the sample: "#vcpus = 1", and what the lines above say of it.
struct sample_key {
  std::string comment;  // on one line, lower case
  std::string line;     // "vcpus = 1"
};

// By "section.key".
std::map<std::string, sample_key> sample_keys() {
  std::map<std::string, sample_key> found;
  std::string section;
  std::string comment;
  std::istringstream lines(document("deploy/config.toml"));
  const std::regex key_line("#([a-z_]+) = .*");
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('[')) {
      section = line.substr(1, line.find(']') - 1);
    } else if (std::regex_match(line, match, key_line)) {
      const std::string name = section + "." + match[1].str();
      EXPECT_FALSE(found.contains(name)) << name << " stands there twice";
      found[name] = {lower(comment), line.substr(1)};
      comment.clear();
    } else if (line.starts_with("# ")) {
      comment += line.substr(1);
    } else {
      EXPECT_TRUE(line.empty() || line == "#") << line;
      comment.clear();
    }
  }
  return found;
}

std::string name_of(const shim::config_key& key) {
  return std::string(key.section) + "." + std::string(key.key);
}

// The configuration of a shim in /usr/local/bin with this file.
config load(const std::string& text) {
  const tests::temporary_directory directory;
  const auto file = directory / "config.toml";
  EXPECT_TRUE(flow::write_file(file, text));
  const auto c = shim::load_config("/usr/local/bin/containerd-shim-hvsock-v2", file);
  EXPECT_TRUE(c) << c.error().message() << "\n" << text;
  return c ? c.value() : config();
}

// Everything a key can change; SeesAChangeOfEveryKey proves that nothing is missing.
auto settings_of(const config& c) {
  return std::make_tuple(c.hypervisor, c.kernel, c.initramfs, c.firmware, c.acceleration, c.vcpus,
                         c.memory_mib, c.boot_timeout, c.virtiofsd, c.vsock, c.vsock_daemon,
                         c.stdio.stalled_after, c.stdio.linger, c.stdio.spool, c.state_directory,
                         c.debug, c.bootstrap_version, c.mount_in_guest);
}

// A value that every key of this kind takes and that is the default of none.
std::string another_value(std::string_view expected) {
  if (expected == "an absolute path") {
    return "\"/nowhere\"";
  }
  if (expected == "a string") {
    return "\"nothing\"";
  }
  if (expected == "true or false") {
    return "true";
  }
  if (expected.starts_with("a number")) {
    return "250";
  }
  if (expected == "2 or 3") {
    return "3";
  }
  // A list of names: the last.
  const auto end = expected.rfind('"');
  return std::string(expected.substr(expected.rfind('"', end - 1)));
}

std::string uncommented(const std::string& text) {
  return std::regex_replace(text, std::regex("(^|\n)#([a-z_]+ = )"), "$1$2");
}

// The paragraph of the manual page that begins with this line.
std::string paragraph(const std::string& page, const std::string& heading) {
  const auto begin = page.find("\n.B " + heading + "\n");
  if (begin == std::string::npos) {
    return {};
  }
  const auto after = begin + heading.size() + 5;
  auto text = page.substr(after, page.find("\n.TP", after) - after);
  std::replace(text.begin(), text.end(), '\n', ' ');
  return lower(text);
}

}  // namespace

TEST(SampleConfiguration, HasEveryKeyOnceAndNoOther) {
  auto in_sample = sample_keys();
  for (const auto& key : shim::config_keys()) {
    EXPECT_EQ(in_sample.erase(name_of(key)), 1U) << name_of(key) << " is missing";
  }
  for (const auto& [name, key] : in_sample) {
    ADD_FAILURE() << name << " is not a key";
  }
}

TEST(SampleConfiguration, StatesWhatEveryKeyTakes) {
  const auto in_sample = sample_keys();
  for (const auto& key : shim::config_keys()) {
    const auto found = in_sample.find(name_of(key));
    ASSERT_NE(found, in_sample.end());
    EXPECT_NE(found->second.comment.find(std::string(key.expected)), std::string::npos)
        << name_of(key) << ": " << key.expected;
  }
}

TEST(SampleConfiguration, ChangesNothingAsItIsInstalled) {
  EXPECT_EQ(settings_of(load(document("deploy/config.toml"))), settings_of(load("")));
}

TEST(SampleConfiguration, UncommentedItHasTheRealDefaults) {
  EXPECT_EQ(settings_of(load(uncommented(document("deploy/config.toml")))), settings_of(load("")));
}

TEST(SampleConfiguration, IsComparedInEveryKey) {
  for (const auto& key : shim::config_keys()) {
    const std::string text = "[" + std::string(key.section) + "]\n" + std::string(key.key) + " = " +
                             another_value(key.expected) + "\n";
    EXPECT_NE(settings_of(load(text)), settings_of(load(""))) << text;
  }
}

TEST(ConfigurationManual, HasEveryKeyWithItsDefaultAndWhatItTakes) {
  const auto page = document("shim/hvsock-config.5");
  const auto in_sample = sample_keys();
  for (const auto& key : shim::config_keys()) {
    EXPECT_NE(page.find("\n.SS [" + std::string(key.section) + "]\n"), std::string::npos);
    const auto found = in_sample.find(name_of(key));
    ASSERT_NE(found, in_sample.end());
    const auto text = paragraph(page, in_roff(found->second.line));
    EXPECT_NE(text.find(std::string(key.expected)), std::string::npos)
        << found->second.line << ": " << key.expected;
  }
  const auto headings = std::regex("\n\\.B [a-z_]+ = ");
  EXPECT_EQ(std::distance(std::sregex_iterator(page.begin(), page.end(), headings), {}),
            std::ssize(shim::config_keys()));
}

TEST(ProgramManual, HasEveryFlagAndAction) {
  const auto page = document("shim/containerd-shim-hvsock-v2.8");
  const auto help = shim::help_text();
  const std::regex word("\n  (-?)([a-z-]+)");
  std::size_t words = 0;
  for (std::sregex_iterator i(help.begin(), help.end(), word), end; i != end; ++i) {
    const bool flag = !(*i)[1].str().empty();
    const auto name = in_roff((*i)[1].str() + (*i)[2].str());
    const std::regex entry("\\.TP\n\\.BI?R? ([^\n]* )?" +
                           std::regex_replace(name, std::regex("\\\\"), "\\\\") + "[ \n]");
    EXPECT_TRUE(std::regex_search(page, entry)) << (flag ? "flag " : "action ") << name;
    ++words;
  }
  EXPECT_EQ(words, 15U);
}

TEST(Options, EveryFlagAndActionOfTheHelpIsKnown) {
  const auto help = shim::help_text();
  const std::regex word("\n  (-?[a-z-]+)( VALUE)?");
  for (std::sregex_iterator i(help.begin(), help.end(), word), end; i != end; ++i) {
    std::vector<std::string> arguments{"-namespace", "n", "-id", "i", (*i)[1].str()};
    if (!(*i)[2].str().empty()) {
      arguments.emplace_back("v");
    }
    const auto parsed = shim::parse_options(arguments);
    EXPECT_TRUE(parsed) << (*i)[1].str() << ": " << parsed.error().message();
  }
}
