// Writes the archive that a kernel unpacks as its first root ("newc" cpio).
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace tests {

class initramfs {
 public:
  void add_directory(const std::string& name) { add(name, 0040755, ""); }

  // A copy of the file at `source`, executable.
  void add_file(const std::string& name, const std::string& source) {
    std::ifstream file(source, std::ios::binary);
    if (!file) {
      throw std::runtime_error("cannot read " + source);
    }
    std::stringstream content;
    content << file.rdbuf();
    add(name, 0100755, content.str());
  }

  void write(const std::string& path) {
    add("TRAILER!!!", 0, "");
    std::ofstream(path, std::ios::binary) << archive_;
  }

 private:
  void add(const std::string& name, std::uint32_t mode, const std::string& content) {
    std::array<char, 128> header;
    std::snprintf(header.data(), header.size(),
                  "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", ++inode_, mode,
                  0U, 0U, 1U, 0U, content.size(), 0U, 0U, 0U, 0U, name.size() + 1, 0U);
    archive_ += header.data();
    archive_ += name;
    archive_ += '\0';
    pad();
    archive_ += content;
    pad();
  }

  void pad() { archive_.append((4 - archive_.size() % 4) % 4, '\0'); }

  std::string archive_;
  std::uint32_t inode_ = 0;
};

}  // namespace tests
