#include "updater/host/memory_file.hpp"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/replace_file.hpp"

namespace updater {
namespace {

std::string read_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace

MemoryFile::MemoryFile(std::filesystem::path path, Access access)
    : path_(std::move(path)), access_(access), boot_(read_boot_id()) {}

Memory MemoryFile::load() const {
  std::ifstream file(path_, std::ios::binary);
  if (!file) {
    if (errno != ENOENT)
      spdlog::warn("{}: cannot be read: {}", path_.string(), std::strerror(errno));
    return {};
  }
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  auto memory = parse_memory(text, boot_);
  if (memory) return *std::move(memory);
  const std::filesystem::path aside = path_.string() + ".bad";
  std::error_code ec;
  if (access_ == Access::read_write) std::filesystem::rename(path_, aside, ec);
  spdlog::warn("{}: {}; starting without it, it is kept as {}", path_.string(), memory.error(),
               aside.string());
  return {};
}

void MemoryFile::save(const Memory& memory) {
  if (access_ == Access::read_only) return;
  const std::string error =
      base::replace_file(path_, write_memory(memory, boot_), base::FileUse::state);
  if (!error.empty() && !failing_) {
    spdlog::warn("{}: cannot be written: {}; a restart will not know the user's keepalives",
                 path_.string(), error);
  } else if (error.empty() && failing_) {
    spdlog::info("{}: written again", path_.string());
  }
  failing_ = !error.empty();
}

}  // namespace updater
