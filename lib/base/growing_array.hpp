#pragma once

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

namespace base {

/// An array that grows at its end and whose elements never move, so that any thread may read one
/// while another thread appends. Pieces of 64, 64, 128, 256 … elements straight from the system,
/// zeroed, on huge pages where the system gives them; a page that nobody touched costs nothing.
///
/// One thread at a time calls grow(). Any thread may call element() with an index whose creation it
/// has seen. The caller orders reads and writes inside an element. All zero must be a value of T.
template <typename T>
class GrowingArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  GrowingArray() = default;
  GrowingArray(const GrowingArray&) = delete;
  GrowingArray& operator=(const GrowingArray&) = delete;
  ~GrowingArray() {
    for (std::size_t piece = 0; piece < pieces_.size(); ++piece) {
      if (T* const start = pieces_[piece].load(std::memory_order_relaxed))
        ::munmap(start, octets_of(piece));
    }
  }

  /// Makes room for the elements up to and including `index`. \throws std::bad_alloc
  void grow(std::uint32_t index) {
    const std::size_t last = piece_of(index);
    for (std::size_t piece = 0; piece <= last; ++piece) {
      if (pieces_[piece].load(std::memory_order_relaxed) == nullptr)
        pieces_[piece].store(map_piece(octets_of(piece)), std::memory_order_release);
    }
  }

  [[nodiscard]] T& element(std::uint32_t index) const {
    const std::uint32_t first = index < first_piece ? 0 : std::bit_floor(index);
    return pieces_[piece_of(index)].load(std::memory_order_acquire)[index - first];
  }

 private:
  static constexpr std::uint32_t first_piece = 64;
  static constexpr std::size_t huge_page = std::size_t{2} << 20U;

  static std::size_t piece_of(std::uint32_t index) {
    return static_cast<std::size_t>(std::bit_width(index / first_piece));
  }
  static std::size_t octets_of(std::size_t piece) {
    const std::size_t elements = piece == 0 ? first_piece : std::size_t{first_piece} << (piece - 1);
    // NOLINTNEXTLINE(bugprone-sizeof-expression): T may well be a pointer, and that is what is held
    return elements * sizeof(T);
  }

  static T* map_piece(std::size_t octets) {
    const bool huge = octets >= huge_page;
    const std::size_t mapped = huge ? octets + huge_page : octets;
    void* const start = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) throw std::bad_alloc();
    if (!huge) return static_cast<T*>(start);
    // Aligned, so that its first pages are huge ones too; the excess is given back.
    auto* const octet = static_cast<std::byte*>(start);
    const std::size_t over = std::bit_cast<std::uintptr_t>(start) % huge_page;
    const std::size_t before = over == 0 ? 0 : huge_page - over;
    if (before > 0) ::munmap(octet, before);
    if (before < huge_page) ::munmap(octet + before + octets, huge_page - before);
    void* const aligned = octet + before;
    (void)::madvise(aligned, octets, MADV_HUGEPAGE);  // only a hint: 4 KiB pages work as well
    return static_cast<T*>(aligned);
  }

  std::array<std::atomic<T*>, 27> pieces_{};  // of up to 2^32 elements
};

}  // namespace base
