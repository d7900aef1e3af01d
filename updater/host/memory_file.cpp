#include "updater/host/memory_file.hpp"

#include <spdlog/spdlog.h>

#include <system_error>
#include <utility>

#include "base/read_file.hpp"
#include "base/replace_file.hpp"
#include "updater/host/boot_id.hpp"

namespace updater {

MemoryFile::MemoryFile(std::filesystem::path path, Access access)
    : path_(std::move(path)), access_(access), boot_(read_boot_id()) {}

Memory MemoryFile::load() const {
  const auto text = base::read_file(path_);
  if (!text) {
    if (text.error() != std::errc::no_such_file_or_directory)
      spdlog::warn("{} {}", path_.string(), base::explain_read_error(text.error()));
    return {};
  }
  auto memory = parse_memory(*text, boot_);
  if (memory) return *std::move(memory);
  spdlog::warn("{}: {}; starting without it{}", path_.string(), memory.error(), put_aside());
  return {};
}

/// \return for the log, what became of the file.
std::string MemoryFile::put_aside() const {
  if (access_ == Access::read_only) return {};
  const std::filesystem::path aside = path_.string() + ".bad";
  std::error_code ec;
  std::filesystem::rename(path_, aside, ec);
  return ec ? ", and it is not kept: " + ec.message() : ", it is kept as " + aside.string();
}

void MemoryFile::save(const Memory& memory) {
  if (access_ == Access::read_only) return;
  const auto written = base::replace_file(path_, write_memory(memory, boot_), base::FileUse::state);
  if (!written && !failing_) {
    spdlog::warn("{}: cannot be written: {}; a restart will not know the user's keepalives",
                 path_.string(), written.error().message());
  } else if (written && failing_) {
    spdlog::info("{}: written again", path_.string());
  }
  failing_ = !written;
}

}  // namespace updater
