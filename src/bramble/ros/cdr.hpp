#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "bramble/core/error.hpp"

namespace bramble {

// Plain CDR (XCDR1) as ROS 2 puts it on the wire and into bags: a 4-byte encapsulation header (00 01: little endian,
// 00 00: big endian), then the fields, each primitive aligned to its own size counted from the byte after the header.
// Source: OMG DDS-RTPS 10.2, DDS-XTypes 7.4.

template <typename T>
concept CdrPrimitive = std::is_arithmetic_v<T>;

/// Writes little-endian CDR.
class CdrWriter {
 public:
  CdrWriter() : bytes_{0, 1, 0, 0} {}
  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
  std::vector<std::uint8_t> take() { return std::move(bytes_); }

  template <CdrPrimitive T>
  void put(T value) {
    align(sizeof(T));
    append(&value, sizeof(T));
  }
  void put(const std::string& text) {
    put(static_cast<std::uint32_t>(text.size() + 1));
    append(text.c_str(), text.size() + 1);
  }
  template <typename T>
  void put(const std::vector<T>& list) {
    put(static_cast<std::uint32_t>(list.size()));
    put_elements(list);
  }
  void put(const std::vector<bool>&) = delete;
  template <typename T, std::size_t N>
  void put(const std::array<T, N>& list) {
    put_elements(list);
  }
  template <typename Message>
  requires std::is_class_v<Message>
  void put(const Message& message) { write_fields(*this, message); }

 private:
  static_assert(std::endian::native == std::endian::little);
  template <typename List>
  void put_elements(const List& list) {
    using T = typename List::value_type;
    if constexpr (CdrPrimitive<T>) {
      if (list.empty()) return;
      align(sizeof(T));
      append(list.data(), list.size() * sizeof(T));
    } else {
      for (const auto& element : list) put(element);
    }
  }
  void align(std::size_t size) { bytes_.resize(bytes_.size() + (size - (bytes_.size() - 4) % size) % size); }
  void append(const void* data, std::size_t size) {
    const auto* first = static_cast<const std::uint8_t*>(data);
    bytes_.insert(bytes_.end(), first, first + size);
  }
  std::vector<std::uint8_t> bytes_;
};

/// Reads CDR of either byte order. Every length is checked against what is left before anything is allocated; a cut
/// or hostile payload throws Error.
class CdrReader {
 public:
  explicit CdrReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
    if (bytes.size() < 4) fail("CDR payload of {} bytes has no encapsulation header", bytes.size());
    if (bytes[0] != 0 || bytes[1] > 1) fail("CDR encapsulation {:02x} {:02x} is not plain CDR", bytes[0], bytes[1]);
    swap_ = bytes[1] == 0;
    position_ = 4;
  }
  /// Bytes not read yet.
  std::size_t left() const { return bytes_.size() - position_; }

  template <CdrPrimitive T>
  void get(T& value) {
    align(sizeof(T));
    const auto* from = take(sizeof(T));
    if constexpr (std::is_same_v<T, bool>) {
      value = *from != 0;
    } else {
      std::memcpy(&value, from, sizeof(T));
      if (swap_) value = swapped(value);
    }
  }
  void get(std::string& text) {
    const auto view = get_string_view();
    text.assign(view.begin(), view.end());
  }
  /// A string without copying it; valid as long as the payload.
  std::string_view get_string_view() {
    std::uint32_t length = 0;
    get(length);
    if (length == 0) return {};
    const auto* from = reinterpret_cast<const char*>(take(length));
    return {from, from[length - 1] == '\0' ? length - 1 : length};
  }
  /// A uint8[] without copying it; valid as long as the payload.
  std::span<const std::uint8_t> get_bytes() {
    std::uint32_t length = 0;
    get(length);
    return {take(length), length};
  }
  template <typename T>
  void get(std::vector<T>& list) {
    std::uint32_t count = 0;
    get(count);
    // An element takes at least one byte: a larger count than bytes left is a lie, told before allocating.
    if (count > left()) fail("CDR sequence of {} elements in a payload with {} bytes left", count, left());
    if constexpr (CdrPrimitive<T>) {
      if (count == 0) {
        list.clear();
        return;
      }
      align(sizeof(T));
      const std::size_t size = std::size_t{count} * sizeof(T);
      const auto* from = take(size);
      if constexpr (sizeof(T) == 1) {
        list.assign(from, from + count);
      } else {
        list.resize(count);
        std::memcpy(list.data(), from, size);
        if (swap_) std::for_each(list.begin(), list.end(), [](T& value) { value = swapped(value); });
      }
    } else {
      // Elements have no size known beforehand. Growing as they are read keeps what a lie can allocate in proportion
      // to the payload.
      list.clear();
      for (std::uint32_t i = 0; i < count; ++i) get(list.emplace_back());
    }
  }
  template <typename T, std::size_t N>
  void get(std::array<T, N>& list) {
    for (auto& element : list) get(element);
  }
  template <typename Message>
  requires std::is_class_v<Message>
  void get(Message& message) { read_fields(*this, message); }

 private:
  void align(std::size_t size) {
    const std::size_t pad = (size - (position_ - 4) % size) % size;
    take(pad);
  }
  template <typename T>
  static T swapped(T value) {
    auto raw = std::bit_cast<std::array<std::uint8_t, sizeof(T)>>(value);
    std::reverse(raw.begin(), raw.end());
    return std::bit_cast<T>(raw);
  }
  const std::uint8_t* take(std::size_t size) {
    if (size > left()) fail("CDR payload is cut: {} bytes wanted at byte {} of {}", size, position_, bytes_.size());
    const auto* from = bytes_.data() + position_;
    position_ += size;
    return from;
  }
  std::span<const std::uint8_t> bytes_;
  std::size_t position_ = 0;
  bool swap_ = false;
};

}  // namespace bramble
