#include "shim/config/config.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <optional>

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "flow/system/file.hpp"

namespace shim {

using flow::errc;
using flow::error;
using flow::result;
using std::filesystem::path;

namespace {

// Checks a value and stores it. False: the value is not acceptable.
using setter = std::function<bool(config&, const toml::node&)>;

struct known_key {
  std::string_view section;
  std::string_view key;
  std::string_view expected;  // acceptable values, in words
  setter set;
};

std::optional<std::int64_t> integer(const toml::node& value, std::int64_t least,
                                    std::int64_t most) {
  const auto* number = value.as_integer();
  if (number == nullptr || number->get() < least || number->get() > most) {
    return {};
  }
  return number->get();
}

setter absolute_path(path config::* member) {
  return [member](config& c, const toml::node& value) {
    const auto* text = value.as_string();
    if (text == nullptr || !path(text->get()).is_absolute()) {
      return false;
    }
    c.*member = text->get();
    return true;
  };
}

setter count(std::uint32_t config::* member, std::int64_t least, std::int64_t most) {
  return [=](config& c, const toml::node& value) {
    const auto n = integer(value, least, most);
    if (!n) {
      return false;
    }
    c.*member = static_cast<std::uint32_t>(*n);
    return true;
  };
}

setter flag(bool config::* member) {
  return [member](config& c, const toml::node& value) {
    const auto* given = value.as_boolean();
    if (given == nullptr) {
      return false;
    }
    c.*member = given->get();
    return true;
  };
}

template <class Duration>
setter duration(const std::function<Duration&(config&)>& member, std::int64_t least) {
  return [=](config& c, const toml::node& value) {
    const auto n = integer(value, least, std::numeric_limits<std::int32_t>::max());
    if (!n) {
      return false;
    }
    member(c) = Duration(*n);
    return true;
  };
}

template <class Enum>
setter one_of(Enum config::* member,
              std::initializer_list<std::pair<std::string_view, Enum>> choices) {
  return [member, list = std::vector(choices)](config& c, const toml::node& value) {
    const auto* text = value.as_string();
    if (text == nullptr) {
      return false;
    }
    for (const auto& [name, choice] : list) {
      if (name == text->get()) {
        c.*member = choice;
        return true;
      }
    }
    return false;
  };
}

std::vector<known_key> known_keys() {
  using acceleration = config::acceleration_mode;
  using vsock = config::vsock_mode;
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  return {
      {"hypervisor", "path", "an absolute path", absolute_path(&config::hypervisor)},
      {"hypervisor", "kernel", "an absolute path", absolute_path(&config::kernel)},
      {"hypervisor", "initramfs", "an absolute path", absolute_path(&config::initramfs)},
      {"hypervisor", "virtiofsd", "an absolute path", absolute_path(&config::virtiofsd)},
      {"hypervisor", "firmware", "a string",
       [](config& c, const toml::node& value) {
         const auto* text = value.as_string();
         if (text == nullptr) {
           return false;
         }
         c.firmware = text->get();
         return true;
       }},
      {"hypervisor", "acceleration", "\"auto\", \"kvm\" or \"tcg\"",
       one_of(&config::acceleration, {{"auto", acceleration::automatic},
                                      {"kvm", acceleration::kvm},
                                      {"tcg", acceleration::tcg}})},
      {"hypervisor", "vcpus", "a number from 1 to 255", count(&config::vcpus, 1, 255)},
      {"hypervisor", "memory_mib", "a number from 128 to 1048576",
       count(&config::memory_mib, 128, 1048576)},
      {"hypervisor", "boot_timeout_s", "a number from 1 to 2147483647",
       duration<seconds>([](config& c) -> seconds& { return c.boot_timeout; }, 1)},
      {"vsock", "device", "\"auto\", \"kernel\" or \"user\"",
       one_of(&config::vsock,
              {{"auto", vsock::automatic}, {"kernel", vsock::kernel}, {"user", vsock::user}})},
      {"vsock", "daemon", "an absolute path", absolute_path(&config::vsock_daemon)},
      {"stdio", "stalled_after_ms", "a number from 0 to 2147483647",
       duration<milliseconds>([](config& c) -> milliseconds& { return c.stdio.stalled_after; }, 0)},
      {"stdio", "linger_timeout_s", "a number from 0 to 2147483647",
       duration<seconds>([](config& c) -> seconds& { return c.stdio.linger; }, 0)},
      {"stdio", "spool_mib", "a number from 1 to 65536",
       [](config& c, const toml::node& value) {
         const auto n = integer(value, 1, 65536);
         if (!n) {
           return false;
         }
         c.stdio.spool = static_cast<std::uint64_t>(*n) << 20U;
         return true;
       }},
      {"shim", "state_directory", "an absolute path", absolute_path(&config::state_directory)},
      {"shim", "bootstrap_version", "2 or 3", count(&config::bootstrap_version, 2, 3)},
      {"shim", "mount_in_guest", "true or false", flag(&config::mount_in_guest)},
      {"shim", "debug", "true or false", flag(&config::debug)},
  };
}

error at(const path& file, const toml::source_region& where, const std::string& what) {
  return {errc::invalid_argument,
          file.string() + ":" + std::to_string(where.begin.line) + ": " + what};
}

result<void> apply_key(config& c, const std::vector<known_key>& keys, const path& file,
                       std::string_view section, const toml::key& key, const toml::node& value) {
  const std::string name = std::string(section) + "." + std::string(key.str());
  for (const auto& known : keys) {
    if (known.section != section || known.key != key.str()) {
      continue;
    }
    if (known.set(c, value)) {
      return {};
    }
    return at(file, value.source(), name + " must be " + std::string(known.expected));
  }
  return at(file, key.source(), "unknown key " + name);
}

result<void> apply_file(config& c, const path& file) {
  const auto text = flow::read_file(file.string());
  if (!text) {
    return text.error();
  }
  const auto parsed = toml::parse(text.value());
  if (!parsed) {
    return at(file, parsed.error().source(), std::string(parsed.error().description()));
  }
  const auto keys = known_keys();
  for (const auto& [section, content] : parsed.table()) {
    const auto* table = content.as_table();
    const bool known = std::any_of(keys.begin(), keys.end(),
                                   [&](const auto& k) { return k.section == section.str(); });
    if (table == nullptr || !known) {
      return at(file, section.source(), "unknown key " + std::string(section.str()));
    }
    for (const auto& [key, value] : *table) {
      if (auto applied = apply_key(c, keys, file, section.str(), key, value); !applied) {
        return applied;
      }
    }
  }
  return {};
}

// `mode` is R_OK or X_OK. `hint` follows the file's name in the error.
result<void> check_file(const path& file, int mode, const std::string& what,
                        const std::string& hint) {
  if (::access(file.c_str(), mode) == 0) {
    return {};
  }
  const std::string verb = mode == X_OK ? "cannot execute " : "cannot read ";
  return flow::system_error(verb + what + " " + file.string() + hint);
}

}  // namespace

result<config> load_config(const path& program, const path& file) {
  config c;
  const path directory = program.parent_path();
  const path share = directory.parent_path() / "share" / "hvsock";
  c.kernel = share / "vmlinux";
  c.initramfs = share / "initramfs";
  c.vsock_daemon = directory / "hvsock-vsockd";
  c.stdio = delivery_limits();

  const path chosen = file.empty() ? path(default_config_file) : file;
  if (file.empty() && ::access(chosen.c_str(), F_OK) != 0) {
    return c;
  }
  const std::string origin = file.empty() ? "" : ", named in the runtime options";
  if (auto readable = check_file(chosen, R_OK, "configuration file", origin); !readable) {
    return std::move(readable).error();
  }
  if (auto applied = apply_file(c, chosen); !applied) {
    return std::move(applied).error();
  }
  // A logger gets the same time as any other reader.
  c.stdio.logger.end = c.stdio.linger;
  return c;
}

std::vector<config_key> config_keys() {
  std::vector<config_key> all;
  for (const auto& known : known_keys()) {
    all.push_back({known.section, known.key, known.expected});
  }
  return all;
}

result<void> check_files(const config& c) {
  const std::string image =
      " (build it with deploy/guest-image, or set hypervisor.kernel and .initramfs)";
  if (auto r = check_file(c.hypervisor, X_OK, "hypervisor", " (Debian: qemu-system-x86)"); !r) {
    return r;
  }
  if (auto r = check_file(c.virtiofsd, X_OK, "virtiofsd", " (Debian: qemu-system-common)"); !r) {
    return r;
  }
  if (auto r = check_file(c.kernel, R_OK, "guest kernel", image); !r) {
    return r;
  }
  if (auto r = check_file(c.initramfs, R_OK, "guest image", image); !r) {
    return r;
  }
  return {};
}

}  // namespace shim
