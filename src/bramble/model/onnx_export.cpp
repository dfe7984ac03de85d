#include "bramble/model/onnx_export.hpp"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/torch.h>

#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "bramble/core/error.hpp"
#include "bramble/model/onnx_file.hpp"
#include "bramble/model/trace.hpp"

namespace bramble {
namespace {

using torch::jit::Node;
using torch::jit::Value;

class Converter {
 public:
  Converter(const Segmenter& network, const ModelInfo& info) : module_(to_torchscript(network, info)) {
    for (const auto& item : network->named_parameters()) names_[item.value().unsafeGetTensorImpl()] = item.key();
    for (const auto& item : network->named_buffers()) names_[item.value().unsafeGetTensorImpl()] = item.key();
    const auto graph = module_.get_method("forward").graph();
    const Value* input = graph->inputs().at(1);
    known_[input] = "rgb";
    onnx_.input("rgb", {1, 3, info.height, info.width});
    for (const Node* node : graph->nodes()) convert(node);
    const Value* output = graph->outputs().at(0);
    onnx_.node("Identity", {name(output)}, "logits");
    onnx_.output("logits", shape(output));
    onnx_.metadata("architecture", info.architecture);
    onnx_.metadata("backbone", info.backbone);
    onnx_.metadata("mean", fmt::format("{}", fmt::join(info.mean, " ")));
    onnx_.metadata("std", fmt::format("{}", fmt::join(info.stddev, " ")));
    nlohmann::json classes = nlohmann::json::array();
    for (const auto& cls : info.ontology.classes()) classes.push_back(cls.name);
    onnx_.metadata("classes", classes.dump());
  }
  const OnnxGraph& graph() const { return onnx_; }

 private:
  // --- values ---
  static std::vector<std::int64_t> shape(const Value* value) {
    const auto type = value->type()->cast<c10::TensorType>();
    const auto sizes = type ? type->sizes().concrete_sizes() : c10::nullopt;
    if (!sizes) fail("ONNX export: the size of {} is not known", value->debugName());
    return *sizes;
  }
  static c10::IValue constant(const Value* value) {
    if (const auto known = torch::jit::toIValue(value)) return *known;
    fail("ONNX export: {} is no constant", value->debugName());
  }
  static std::vector<std::int64_t> integers(const Value* value) {
    if (value->node()->kind() != c10::prim::ListConstruct) return constant(value).toIntVector();
    std::vector<std::int64_t> out;
    for (const Value* item : value->node()->inputs()) out.push_back(constant(item).toInt());
    return out;
  }

  // The ONNX name of a tensor; weights and constants become initializers when first used.
  std::string name(const Value* value) {
    if (const auto found = known_.find(value); found != known_.end()) return found->second;
    const Node* node = value->node();
    if (node->kind() == c10::prim::GetAttr) {
      const torch::Tensor tensor = module_.attr(node->s(c10::attr::name)).toTensor();
      const auto own = names_.find(tensor.unsafeGetTensorImpl());
      return known_[value] = initializer(own == names_.end() ? node->s(c10::attr::name) : own->second, tensor);
    }
    if (const auto constant = torch::jit::toIValue(value)) {
      if (constant->isTensor()) return known_[value] = initializer(fresh("constant"), constant->toTensor());
      if (constant->isScalar())
        return known_[value] = initializer(fresh("constant"), torch::tensor(constant->toScalar().toDouble()));
    }
    fail("ONNX export: {} of {} has no counterpart", value->debugName(), node->kind().toQualString());
  }
  std::string initializer(const std::string& wanted, const torch::Tensor& tensor) {
    if (!initializers_.insert(wanted).second) return wanted;
    const torch::Tensor dense = tensor.detach().to(torch::kFloat).contiguous(torch::MemoryFormat::Contiguous);
    onnx_.floats(wanted, dense.sizes().vec(), {dense.data_ptr<float>(), static_cast<std::size_t>(dense.numel())});
    return wanted;
  }
  std::string list(const std::vector<std::int64_t>& values) {
    const std::string wanted = fresh("list");
    onnx_.integers(wanted, values);
    return wanted;
  }
  std::string fresh(const std::string& what) { return what + "_" + std::to_string(++count_); }

  void emit(const Node* node, const std::string& operation, const std::vector<std::string>& inputs,
            const OnnxAttributes& attributes = {}) {
    const std::string output = fresh(operation);
    onnx_.node(operation, inputs, output, attributes);
    known_[node->output()] = output;
  }

  // --- operations ---
  void convert(const Node* node) {
    const std::string kind = node->kind().toQualString();
    const auto in = [&](std::size_t i) { return node->input(i); };
    const auto axis = [&](const Value* value, const Value* of) {
      const std::int64_t a = constant(value).toInt();
      return a < 0 ? a + static_cast<std::int64_t>(shape(of).size()) : a;
    };
    if (kind.starts_with("prim::")) return;  // constants, lists and attributes: taken where they are used
    if (kind == "aten::conv2d" || kind == "aten::_convolution") return convolution(node, kind == "aten::_convolution");
    if (kind == "aten::constant_pad_nd") {
      const auto pads = integers(in(1));  // left, right, top, bottom
      return emit(node, "Pad",
                  {name(in(0)), list({0, 0, pads.at(2), pads.at(0), 0, 0, pads.at(3), pads.at(1)}), name(in(2))});
    }
    if (kind == "aten::batch_norm")
      return emit(node, "BatchNormalization", {name(in(0)), name(in(1)), name(in(2)), name(in(3)), name(in(4))},
                  OnnxAttributes().set("epsilon", constant(in(7)).toDouble()));
    if (kind == "aten::relu") return emit(node, "Relu", {name(in(0))});
    if (kind == "aten::sigmoid") return emit(node, "Sigmoid", {name(in(0))});
    if (kind == "aten::hardtanh") return emit(node, "Clip", {name(in(0)), name(in(1)), name(in(2))});
    if (kind == "aten::silu") {
      const std::string gate = fresh("Sigmoid");
      onnx_.node("Sigmoid", {name(in(0))}, gate);
      return emit(node, "Mul", {name(in(0)), gate});
    }
    if (kind == "aten::mean" || kind == "aten::sum") {
      const auto axes = integers(in(1));
      const int keep = constant(in(2)).toBool() ? 1 : 0;
      if (kind == "aten::mean")
        return emit(node, "ReduceMean", {name(in(0))}, OnnxAttributes().set("axes", axes).set("keepdims", keep));
      return emit(node, "ReduceSum", {name(in(0)), list(axes)}, OnnxAttributes().set("keepdims", keep));
    }
    if (kind == "aten::expand") return emit(node, "Expand", {name(in(0)), list(shape(node->output()))});
    if (kind == "aten::reshape" || kind == "aten::view")
      return emit(node, "Reshape", {name(in(0)), list(shape(node->output()))});
    if (kind == "aten::cat") {
      std::vector<std::string> parts;
      for (const Value* part : in(0)->node()->inputs()) parts.push_back(name(part));
      return emit(node, "Concat", parts, OnnxAttributes().set("axis", axis(in(1), node->output())));
    }
    if (kind == "aten::softmax")
      return emit(node, "Softmax", {name(in(0))}, OnnxAttributes().set("axis", axis(in(1), in(0))));
    if (kind == "aten::transpose") {
      std::vector<std::int64_t> order(shape(in(0)).size());
      std::iota(order.begin(), order.end(), 0);
      std::swap(order.at(static_cast<std::size_t>(axis(in(1), in(0)))),
                order.at(static_cast<std::size_t>(axis(in(2), in(0)))));
      return emit(node, "Transpose", {name(in(0))}, OnnxAttributes().set("perm", order));
    }
    if (kind == "aten::permute")
      return emit(node, "Transpose", {name(in(0))}, OnnxAttributes().set("perm", integers(in(1))));
    if (kind == "aten::bmm") return emit(node, "MatMul", {name(in(0)), name(in(1))});
    if (kind == "aten::mul") return emit(node, "Mul", {name(in(0)), name(in(1))});
    if (kind == "aten::div") return emit(node, "Div", {name(in(0)), name(in(1))});
    if (kind == "aten::add") {
      if (constant(in(2)).toScalar().toDouble() != 1) fail("ONNX export: an addition with a factor");
      return emit(node, "Add", {name(in(0)), name(in(1))});
    }
    if (kind == "aten::upsample_bilinear2d") {
      if (constant(in(2)).toBool()) fail("ONNX export: a resize with aligned corners");
      return emit(node, "Resize", {name(in(0)), "", "", list(shape(node->output()))},
                  OnnxAttributes().set("mode", "linear").set("coordinate_transformation_mode", "pytorch_half_pixel"));
    }
    if (kind == "aten::dropout" || kind == "aten::contiguous" || kind == "aten::detach") {
      known_[node->output()] = name(in(0));
      return;
    }
    fail("ONNX export: operation {} has no counterpart", kind);
  }

  void convolution(const Node* node, bool general) {
    // One number stands for both sides.
    const auto two = [](std::vector<std::int64_t> values) {
      if (values.size() == 1) values.push_back(values[0]);
      return values;
    };
    const auto stride = two(integers(node->input(3))), padding = two(integers(node->input(4))),
               dilation = two(integers(node->input(5)));
    if (general && constant(node->input(6)).toBool()) fail("ONNX export: a transposed convolution");
    const std::int64_t groups = constant(node->input(general ? 8 : 6)).toInt();
    std::vector<std::string> inputs{name(node->input(0)), name(node->input(1))};
    const auto bias = torch::jit::toIValue(node->input(2));
    if (!(bias && bias->isNone())) inputs.push_back(name(node->input(2)));
    const std::vector<std::int64_t> pads{padding.at(0), padding.at(1), padding.at(0), padding.at(1)};
    emit(node, "Conv", inputs,
         OnnxAttributes().set("strides", stride).set("pads", pads).set("dilations", dilation).set("group", groups));
  }

  torch::jit::Module module_;
  std::map<const void*, std::string> names_;
  std::map<const Value*, std::string> known_;
  std::set<std::string> initializers_;
  OnnxGraph onnx_;
  int count_ = 0;
};

}  // namespace

std::string to_onnx(const Segmenter& network, const ModelInfo& info, const std::string& version) {
  return Converter(network, info).graph().bytes(info.architecture, version);
}

}  // namespace bramble
