#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bramble {

/// Bytes of a protocol buffer message (developers.google.com/protocol-buffers/docs/encoding): fields in the order of
/// the calls.
class ProtoMessage {
 public:
  void varint(int field, std::uint64_t value);
  void fixed32(int field, float value);
  void bytes(int field, std::string_view value);
  void message(int field, const ProtoMessage& value) { bytes(field, value.bytes_); }
  const std::string& data() const { return bytes_; }

 private:
  void raw_varint(std::uint64_t value);
  std::string bytes_;
};

/// Attributes of an ONNX node.
class OnnxAttributes {
 public:
  OnnxAttributes& set(const std::string& name, std::int64_t value);
  OnnxAttributes& set(const std::string& name, double value);
  OnnxAttributes& set(const std::string& name, const std::string& value);
  OnnxAttributes& set(const std::string& name, const char* value) { return set(name, std::string(value)); }
  OnnxAttributes& set(const std::string& name, int value) { return set(name, std::int64_t{value}); }
  OnnxAttributes& set(const std::string& name, const std::vector<std::int64_t>& values);
  const std::vector<ProtoMessage>& messages() const { return messages_; }

 private:
  std::vector<ProtoMessage> messages_;
};

/// Builds an ONNX model (onnx/onnx.proto, IR version 8, opset 13): float32 tensors of fixed shape.
class OnnxGraph {
 public:
  void input(const std::string& name, const std::vector<std::int64_t>& shape);
  void output(const std::string& name, const std::vector<std::int64_t>& shape);
  void floats(const std::string& name, const std::vector<std::int64_t>& shape, std::span<const float> values);
  void integers(const std::string& name, const std::vector<std::int64_t>& values);
  void node(const std::string& operation, const std::vector<std::string>& inputs, const std::string& output,
            const OnnxAttributes& attributes = {});
  void metadata(const std::string& key, const std::string& value);
  /// The whole file.
  std::string bytes(const std::string& name, const std::string& version) const;

 private:
  ProtoMessage nodes_, initializers_, inputs_, outputs_;
  std::vector<std::pair<std::string, std::string>> metadata_;
  int nodes_count_ = 0;
};

}  // namespace bramble
