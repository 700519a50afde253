#include "shim/rootfs/mount_template.hpp"

#include <gtest/gtest.h>

using flow::errc;
using shim::expand_mount_template;
using shim::made_mount;

namespace {

const std::vector<made_mount> three{{"/m0", "/image"}, {"/m1", ""}, {"/m2", "overlay"}};

std::string expanded(const std::string& text) {
  const auto value = expand_mount_template(text, three);
  return value ? value.value() : value.error().message();
}

}  // namespace

TEST(MountTemplate, NamesMountsBefore) {
  EXPECT_EQ(expanded("upperdir={{ mount 1 }}/upper"), "upperdir=/m1/upper");
  EXPECT_EQ(expanded("{{mount 0}}:{{ mount  2 }}"), "/m0:/m2");
  EXPECT_EQ(expanded("{{ source 0 }}"), "/image");
  EXPECT_EQ(expanded("nothing to do {x}"), "nothing to do {x}");
}

TEST(MountTemplate, OverlayGoesEitherWay) {
  EXPECT_EQ(expanded("lowerdir={{ overlay 0 2 }}"), "lowerdir=/m0:/m1:/m2");
  EXPECT_EQ(expanded("{{ overlay 2 0 }}"), "/m2:/m1:/m0");
  EXPECT_EQ(expanded("{{ overlay 1 1 }}"), "/m1");
}

TEST(MountTemplate, WhatCannotBeFilledInIsInvalid) {
  for (const char* text :
       {"{{ mount 3 }}", "{{ mount -1 }}", "{{ mount }}", "{{ mount 1 2 }}", "{{ mount x }}",
        "{{ overlay 0 }}", "{{ overlay 0 3 }}", "{{ target 0 }}", "{{ source 1 }}", "{{ mount 0",
        "{{}}", "{{ mount 1x }}", "{{ printf 0 }}"}) {
    const auto value = expand_mount_template(text, three);
    EXPECT_FALSE(value) << text;
    EXPECT_EQ(value.error().code(), flow::error_code(errc::invalid_argument)) << text;
  }
}
