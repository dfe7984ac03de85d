#include "bramble/model/onnx_file.hpp"

#include <bit>
#include <cstring>

namespace bramble {
namespace {

// Field numbers and enum values of onnx.proto.
constexpr int kFloat = 1, kInt64 = 7;  // TensorProto.DataType

ProtoMessage value_info(const std::string& name, const std::vector<std::int64_t>& shape) {
  ProtoMessage dims, tensor, type, info;
  for (const auto side : shape) {
    ProtoMessage dim;
    dim.varint(1, static_cast<std::uint64_t>(side));  // dim_value
    dims.message(1, dim);
  }
  tensor.varint(1, kFloat);  // elem_type
  tensor.message(2, dims);   // shape
  type.message(1, tensor);   // tensor_type
  info.bytes(1, name);
  info.message(2, type);
  return info;
}

ProtoMessage tensor(const std::string& name, const std::vector<std::int64_t>& shape, int type, std::string_view raw) {
  ProtoMessage out;
  for (const auto side : shape) out.varint(1, static_cast<std::uint64_t>(side));  // dims
  out.varint(2, static_cast<std::uint64_t>(type));                                // data_type
  out.bytes(8, name);
  out.bytes(9, raw);  // raw_data, little-endian
  return out;
}

}  // namespace

void ProtoMessage::raw_varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
  bytes_ += static_cast<char>(value);
}
void ProtoMessage::varint(int field, std::uint64_t value) {
  raw_varint(static_cast<std::uint64_t>(field) << 3);
  raw_varint(value);
}
void ProtoMessage::fixed32(int field, float value) {
  raw_varint(static_cast<std::uint64_t>(field) << 3 | 5);
  const auto bits = std::bit_cast<std::uint32_t>(value);
  for (int shift = 0; shift < 32; shift += 8) bytes_ += static_cast<char>(bits >> shift);
}
void ProtoMessage::bytes(int field, std::string_view value) {
  raw_varint(static_cast<std::uint64_t>(field) << 3 | 2);
  raw_varint(value.size());
  bytes_ += value;
}

OnnxAttributes& OnnxAttributes::set(const std::string& name, std::int64_t value) {
  ProtoMessage attribute;
  attribute.bytes(1, name);
  attribute.varint(3, static_cast<std::uint64_t>(value));
  attribute.varint(20, 2);  // INT
  messages_.push_back(attribute);
  return *this;
}
OnnxAttributes& OnnxAttributes::set(const std::string& name, double value) {
  ProtoMessage attribute;
  attribute.bytes(1, name);
  attribute.fixed32(2, static_cast<float>(value));
  attribute.varint(20, 1);  // FLOAT
  messages_.push_back(attribute);
  return *this;
}
OnnxAttributes& OnnxAttributes::set(const std::string& name, const std::string& value) {
  ProtoMessage attribute;
  attribute.bytes(1, name);
  attribute.bytes(4, value);
  attribute.varint(20, 3);  // STRING
  messages_.push_back(attribute);
  return *this;
}
OnnxAttributes& OnnxAttributes::set(const std::string& name, const std::vector<std::int64_t>& values) {
  ProtoMessage attribute;
  attribute.bytes(1, name);
  for (const auto value : values) attribute.varint(8, static_cast<std::uint64_t>(value));
  attribute.varint(20, 7);  // INTS
  messages_.push_back(attribute);
  return *this;
}

void OnnxGraph::input(const std::string& name, const std::vector<std::int64_t>& shape) {
  inputs_.message(11, value_info(name, shape));
}
void OnnxGraph::output(const std::string& name, const std::vector<std::int64_t>& shape) {
  outputs_.message(12, value_info(name, shape));
}
void OnnxGraph::floats(const std::string& name, const std::vector<std::int64_t>& shape, std::span<const float> values) {
  static_assert(std::endian::native == std::endian::little);
  initializers_.message(
      5, tensor(name, shape, kFloat, {reinterpret_cast<const char*>(values.data()), values.size_bytes()}));
}
void OnnxGraph::integers(const std::string& name, const std::vector<std::int64_t>& values) {
  initializers_.message(5, tensor(name, {static_cast<std::int64_t>(values.size())}, kInt64,
                                  {reinterpret_cast<const char*>(values.data()), 8 * values.size()}));
}
void OnnxGraph::node(const std::string& operation, const std::vector<std::string>& inputs, const std::string& output,
                     const OnnxAttributes& attributes) {
  ProtoMessage node;
  for (const auto& input : inputs) node.bytes(1, input);
  node.bytes(2, output);
  node.bytes(3, operation + std::to_string(nodes_count_++));
  node.bytes(4, operation);
  for (const auto& attribute : attributes.messages()) node.message(5, attribute);
  nodes_.message(1, node);
}
void OnnxGraph::metadata(const std::string& key, const std::string& value) { metadata_.emplace_back(key, value); }

std::string OnnxGraph::bytes(const std::string& name, const std::string& version) const {
  ProtoMessage title, opset, model;
  title.bytes(2, name);
  // A message is the concatenation of its fields, so the parts collected apart only need to follow each other.
  const std::string graph = nodes_.data() + title.data() + initializers_.data() + inputs_.data() + outputs_.data();
  opset.bytes(1, "");
  opset.varint(2, 13);
  model.varint(1, 8);  // ir_version
  model.bytes(2, "bramble");
  model.bytes(3, version);
  model.bytes(7, graph);
  model.message(8, opset);
  for (const auto& [key, value] : metadata_) {
    ProtoMessage entry;
    entry.bytes(1, key);
    entry.bytes(2, value);
    model.message(14, entry);
  }
  return model.data();
}

}  // namespace bramble
