// Root file systems from images, as containerd's erofs and block snapshotters describe them: the
// guest mounts them itself, and can write only to those it was given for writing.
#include <fstream>

#include "tests/e2e/harness/bare_task.hpp"
#include "tests/e2e/harness/fixture.hpp"

using e2e::bare_task;

namespace {

class Rootfs : public e2e::ContainerdTest {
 protected:
  // A directory tree for an image: with a shell, or with one file.
  std::string system_tree() { return e2e::make_system_tree(scratch() / "system"); }
  std::string file_tree(const std::string& name, const std::string& text) {
    const auto tree = scratch() / ("tree-" + name);
    std::filesystem::create_directories(tree / "files");
    std::ofstream(tree / "files" / name) << text;
    return tree;
  }

  std::string erofs(const std::string& tree) {
    const auto image = tree + ".erofs";
    make("mkfs.erofs --quiet " + image + " " + tree);
    return image;
  }
  std::string ext4(const std::string& name, const std::string& tree = "") {
    const auto image = (scratch() / name).string();
    make("mke2fs -q -t ext4 " + (tree.empty() ? "" : "-d " + tree + " ") + image + " 16M");
    return image;
  }

  static void make(const std::string& script) {
    const auto made = e2e::run({"sh", "-c", script});
    ASSERT_EQ(made.status, 0) << made.err;
  }

  static std::string checksum(const std::string& file) { return e2e::run({"sha256sum", file}).out; }
};

using strings = std::vector<std::string>;

}  // namespace

TEST_F(Rootfs, ErofsImageIsMountedByTheGuestForReadingOnly) {
  const auto image = erofs(system_tree());
  bare_task task(scratch(), id(), {"sh", "-c", "cat /proc/mounts; echo > /new || echo refused"});
  task.mount("erofs", image, {"ro", "loop"});
  const auto said = task.run();
  EXPECT_NE(said.find(" / erofs ro,"), std::string::npos) << said;
  EXPECT_NE(said.find("refused"), std::string::npos) << said;
}

TEST_F(Rootfs, WhatIsWrittenToAnExt4ImageIsThereAfterTheTaskWasDeleted) {
  const auto image = ext4("root.img", system_tree());
  {
    bare_task task(scratch(), id(), {"sh", "-c", "echo kept > /new; cat /new"});
    task.mount("ext4", image, {"rw", "loop"});
    EXPECT_EQ(task.run(), "kept\n");
  }
  EXPECT_EQ(e2e::run({"debugfs", "-R", "cat /new", image}).out, "kept\n");
  EXPECT_EQ(e2e::run({"e2fsck", "-fn", image}).status, 0);
}

TEST_F(Rootfs, LayersAreStackedUnderAWritableImage) {
  const auto rw = ext4("rw.img");
  bare_task task(scratch(), id(),
                 {"sh", "-c", "cat /files/one /files/two; echo new > /files/one; cat /files/one"});
  task.mount("ext4", rw, {"rw", "loop"});
  task.mount("erofs", erofs(file_tree("two", "2\n")), {"ro", "loop"});
  task.mount("erofs", erofs(file_tree("one", "1\n")), {"ro", "loop"});
  task.mount("erofs", erofs(system_tree()), {"ro", "loop"});
  task.mount("format/mkdir/overlay", "overlay",
             {"X-containerd.mkdir.path={{ mount 0 }}/upper:0755",
              "X-containerd.mkdir.path={{ mount 0 }}/work:0755", "workdir={{ mount 0 }}/work",
              "upperdir={{ mount 0 }}/upper", "lowerdir={{ overlay 1 3 }}"});
  EXPECT_EQ(task.run(), "1\n2\nnew\n");
  EXPECT_EQ(e2e::run({"debugfs", "-R", "cat /upper/files/one", rw}).out, "new\n");
}

TEST_F(Rootfs, HundredLayersAreOneRoot) {
  constexpr int layers = 100;
  bare_task task(scratch(), id(), {"sh", "-c", "ls /files"});
  std::string wanted;
  for (int i = 0; i < layers; ++i) {
    const auto name = std::to_string(1000 + i);
    task.mount("erofs", erofs(file_tree(name, "")), {"ro", "loop"});
    wanted += name + "\n";
  }
  task.mount("erofs", erofs(system_tree()), {"ro", "loop"});
  task.mount("format/overlay", "overlay", {"lowerdir={{ overlay 0 100 }}"});
  EXPECT_EQ(task.run(), wanted);
}

TEST_F(Rootfs, ImageThatIsMountedReadOnlyIsNotTouched) {
  const auto image = ext4("root.img", system_tree());
  const auto before = checksum(image);
  {
    // Even root in the guest's kernel could not write: the machine opened the file read-only.
    bare_task task(scratch(), id(),
                   {"sh", "-c", "cat /sys/block/sda/ro || echo > /new || echo no"});
    task.mount("ext4", image, {"ro", "loop", "noload"});
    const auto said = task.run();
    EXPECT_NE(said.find("no\n"), std::string::npos) << said;
  }
  EXPECT_EQ(checksum(image), before);
}

TEST_F(Rootfs, WhatCannotBeMountedIsAnErrorAndTheNextTryWorks) {
  const auto garbage = scratch() / "garbage";
  std::ofstream(garbage) << std::string(1 << 20, 'x');
  const auto image = erofs(system_tree());
  {
    bare_task task(scratch(), id(), {"sh", "-c", "true"});
    task.mount("erofs", garbage, {"ro"});
    EXPECT_NE(task.create().find("erofs: mount /dev/sd"), std::string::npos);
  }
  {
    bare_task task(scratch(), id(), {"sh", "-c", "true"});
    task.mount("erofs", "/nonexistent", {"ro"});
    EXPECT_NE(task.create().find("open /nonexistent: No such file or directory"),
              std::string::npos);
  }
  {
    bare_task task(scratch(), id(), {"sh", "-c", "true"});
    task.mount("mkfs/ext4", image, {});
    EXPECT_NE(task.create().find("type mkfs/ext4 is not supported"), std::string::npos);
  }
  bare_task task(scratch(), id(), {"sh", "-c", "echo works"});
  task.mount("erofs", image, {"ro"});
  EXPECT_EQ(task.run(), "works\n");
}

TEST_F(Rootfs, VolumeOnADiskIsMountedInTheContainer) {
  const auto volume = ext4("volume.img", file_tree("name", "of the volume\n"));
  auto system = system_tree();
  std::filesystem::create_directory(system + "/data");
  bare_task task(scratch(), id(), {"sh", "-c", "cat /data/files/name; echo new > /data/new"});
  task.mount("erofs", erofs(system), {"ro"});
  task.mount_volume("ext4", volume, "/data");
  EXPECT_EQ(task.run(), "of the volume\n");
  EXPECT_EQ(e2e::run({"debugfs", "-R", "cat /new", volume}).out, "new\n");
}

TEST_F(Rootfs, MachineWhoseShimIsKilledLetsGoOfItsImages) {
  const auto image = ext4("root.img", system_tree());
  {
    bare_task task(scratch(), id(), {"busybox", "sleep", "1000"});
    task.mount("ext4", image, {"rw"});
    EXPECT_EQ(task.create(), "");
    EXPECT_EQ(task.start(), "");
    // The running container has the image for itself.
    bare_task second(scratch() / "second", id() + "-second", {"sh", "-c", "true"});
    second.mount("ext4", image, {"rw"});
    EXPECT_NE(second.create().find("lock"), std::string::npos);
    task.kill_shim();
  }
  bare_task task(scratch(), id(), {"sh", "-c", "echo again"});
  task.mount("ext4", image, {"rw"});
  EXPECT_EQ(task.run(), "again\n");
}
