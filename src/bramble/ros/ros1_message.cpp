#include "bramble/ros/ros1_message.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <map>
#include <optional>

#include "bramble/core/error.hpp"
#include "bramble/ros/message_definition.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

using List = DefinedField::List;
constexpr std::uint64_t kMostBytes = 1'000'000'000;    // of a message, as bags have them
constexpr std::uint64_t kMostEmptyElements = 100'000;  // in lists of messages without content

// Size and alignment of a primitive; a time is two numbers of four bytes.
struct Primitive {
  std::size_t size = 0, align = 1;
  enum class Kind { kInteger, kReal, kTime, kString } kind = Kind::kInteger;
  bool operator==(const Primitive&) const = default;
};

std::optional<Primitive> primitive_of(const std::string& type) {
  using Kind = Primitive::Kind;
  if (type == "string") return Primitive{0, 4, Kind::kString};
  if (type == "time" || type == "duration") return Primitive{8, 4, Kind::kTime};
  if (type == "float32") return Primitive{4, 4, Kind::kReal};
  if (type == "float64") return Primitive{8, 8, Kind::kReal};
  if (type == "bool" || type == "byte" || type == "char") return Primitive{1, 1, Kind::kInteger};
  if (type.find("int") == std::string::npos) return std::nullopt;
  const std::size_t size = type.ends_with("64") ? 8 : type.ends_with("32") ? 4 : type.ends_with("16") ? 2 : 1;
  return Primitive{size, size, Kind::kInteger};
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

class Ros1Bytes {
 public:
  explicit Ros1Bytes(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  std::size_t left() const { return bytes_.size() - at_; }
  const std::uint8_t* take(std::uint64_t size) {
    if (size > left()) fail("a message is cut: {} bytes wanted at byte {} of {}", size, at_, bytes_.size());
    const auto* from = bytes_.data() + at_;
    at_ += size;
    return from;
  }
  std::uint32_t count() {
    std::uint32_t value = 0;
    std::memcpy(&value, take(sizeof value), sizeof value);
    return value;
  }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

class CdrBytes {
 public:
  explicit CdrBytes(std::size_t expected) {
    bytes_.reserve(expected);
    bytes_ = {0, 1, 0, 0};
  }
  void align(std::size_t size) { bytes_.resize(bytes_.size() + (size - (bytes_.size() - 4) % size) % size); }
  void append(const std::uint8_t* data, std::size_t size) {
    if (bytes_.size() + size > kMostBytes) fail("a message has more than {} bytes in ROS 2", kMostBytes);
    bytes_.insert(bytes_.end(), data, data + size);
  }
  void zeros(std::size_t size) { bytes_.resize(bytes_.size() + size); }
  void count(std::uint32_t value) {
    align(4);
    append(reinterpret_cast<const std::uint8_t*>(&value), sizeof value);
  }
  void text(const std::uint8_t* data, std::uint32_t size) {
    count(size + 1);
    append(data, size);
    zeros(1);
  }
  std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<std::uint8_t> bytes_;
};

struct Layout;  // of a message, there and here

// What becomes of a field.
struct Step {
  enum class What { kCopy, kLeaveOut, kAdd } what = What::kCopy;
  List list = List::kNone;
  std::uint64_t count = 0;  // of a fixed list
  std::optional<Primitive> primitive;
  const Layout* layout = nullptr;  // of a message
};

struct Layout {
  std::vector<Step> steps;
  std::uint64_t least_bytes = 0;  // that one takes in ROS 1
  bool written_empty = true;      // nothing comes out; ROS 2 then has a byte, as no message may be empty there
};

std::uint64_t times(std::uint64_t a, std::uint64_t b) { return b != 0 && a > kMostBytes / b ? kMostBytes + 1 : a * b; }

}  // namespace

struct Ros1Transcoder::Impl {
  std::string type, text;
  MessageDefinition from;
  MessageDefinition to;                         // definitions of all that is known here of what is used
  std::map<std::string, Layout> layouts, adds;  // by name: of what is there; of what is only here
  std::vector<std::string> left_out;
  const Layout* root = nullptr;

  // The definition that a type has here, if it is known.
  const DefinedMessage* known(const std::string& name) {
    if (const auto found = to.messages.find(name); found != to.messages.end()) return &found->second;
    const MessageType* const type_here = find_message_type(name);
    if (!type_here) return nullptr;
    for (auto& [used, message] : parse_message_definition(name, type_here->definition).messages)
      to.messages.try_emplace(used, std::move(message));
    return &to.messages.at(name);
  }

  static void add_size(Layout& layout, const Step& step) {
    const std::uint64_t one = step.layout                                        ? step.layout->least_bytes
                              : step.primitive->kind == Primitive::Kind::kString ? 4
                                                                                 : step.primitive->size;
    layout.least_bytes += step.list == List::kNone ? one : step.list == List::kFixed ? times(one, step.count) : 4;
    layout.least_bytes = std::min(layout.least_bytes, kMostBytes + 1);
  }

  Step step_of(const DefinedField& field, const std::string& name) {
    Step step;
    step.list = field.list;
    step.count = field.count;
    if (!field.primitive())
      step.layout = &layout_of(field.type);
    else if (step.primitive = primitive_of(field.type); !step.primitive)
      fail("{}.{}: ROS 1 has no type {}", name, field.name, field.type);
    return step;
  }

  // A field that is only here: zeros.
  Step added(const DefinedField& field) {
    Step step;
    step.what = Step::What::kAdd;
    step.list = field.list;
    step.count = field.count;
    if (field.primitive()) {
      step.primitive = primitive_of(field.type);
      if (!step.primitive) step.primitive = Primitive{0, 4, Primitive::Kind::kString};  // wstring, empty
      return step;
    }
    if (!adds.contains(field.type)) {
      Layout& layout = adds[field.type];
      layout.written_empty = false;
      for (const DefinedField& inner : known(field.type)->fields) layout.steps.push_back(added(inner));
    }
    step.layout = &adds.at(field.type);
    return step;
  }

  const Layout& layout_of(const std::string& name) {
    if (const auto found = layouts.find(name); found != layouts.end()) return found->second;
    Layout layout;
    const std::vector<DefinedField>& there = from.messages.at(name).fields;
    const auto copy = [&](const DefinedField& field) {
      layout.steps.push_back(step_of(field, name));
      add_size(layout, layout.steps.back());
      layout.written_empty = false;
    };
    const auto leave_out = [&](const DefinedField& field) {
      layout.steps.push_back(step_of(field, name));
      layout.steps.back().what = Step::What::kLeaveOut;
      add_size(layout, layout.steps.back());
      if (name != "std_msgs/msg/Header") left_out.push_back(name + "." + field.name);
    };
    if (const DefinedMessage* const here = known(name)) {
      std::size_t next = 0;
      for (const DefinedField& field : here->fields) {
        const auto same = std::find_if(there.begin(), there.end(),
                                       [&](const DefinedField& f) { return lower(f.name) == lower(field.name); });
        if (same == there.end()) {
          layout.steps.push_back(added(field));
          layout.written_empty = false;
          continue;
        }
        const auto at = static_cast<std::size_t>(same - there.begin());
        if (at < next) fail("{}.{} stands in another place than in ROS 2", name, field.name);
        if (!alike(*same, field))
          fail("{}.{} is {} in the bag and {} in ROS 2", name, field.name, same->type, field.type);
        for (; next < at; ++next) leave_out(there[next]);
        copy(there[next++]);
      }
      for (; next < there.size(); ++next) leave_out(there[next]);
    } else {
      for (const DefinedField& field : there) copy(field);
    }
    return layouts.emplace(name, std::move(layout)).first->second;
  }

  static bool alike(const DefinedField& there, const DefinedField& here) {
    if (there.list != here.list || (there.list == List::kFixed && there.count != here.count)) return false;
    if (there.primitive() != here.primitive()) return false;
    return there.primitive() ? primitive_of(there.type) == primitive_of(here.type) : there.type == here.type;
  }

  // What comes out: the fields that are there, of known types those that are here.
  void write_text() {
    MessageDefinition out;
    out.root = from.root;
    for (const auto& [name, message] : from.messages) {
      const DefinedMessage* const here = known(name);
      out.messages[name] = here ? *here : message;
    }
    for (const auto& [name, message] : to.messages) out.messages.try_emplace(name, message);
    text = message_definition_text(out);
  }
};

namespace {

// One run over a message.
class Run {
 public:
  Run(Ros1Bytes& in, CdrBytes& out) : in_(in), out_(out) {}

  void message(const Layout& layout, bool write) {
    for (const Step& step : layout.steps) {
      if (step.what == Step::What::kAdd) {
        if (write) add(step);
      } else {
        field(step, write && step.what == Step::What::kCopy);
      }
    }
    if (write && layout.written_empty) out_.zeros(1);
  }

 private:
  void field(const Step& step, bool write) {
    std::uint64_t count = step.list == List::kFixed ? step.count : 1;
    if (step.list == List::kVariable) {
      count = in_.count();
      if (write) out_.count(static_cast<std::uint32_t>(count));
    }
    if (!step.primitive) return messages(*step.layout, count, write);
    if (step.primitive->kind == Primitive::Kind::kString) {
      if (times(4, count) > in_.left()) fail("a message is cut: {} texts in {} bytes", count, in_.left());
      for (; count > 0; --count) {
        const std::uint32_t size = in_.count();
        const std::uint8_t* const data = in_.take(size);
        if (write) out_.text(data, size);
      }
      return;
    }
    const std::uint8_t* const data = in_.take(times(step.primitive->size, count));
    if (!write || count == 0) return;
    out_.align(step.primitive->align);
    out_.append(data, step.primitive->size * count);
  }

  void messages(const Layout& layout, std::uint64_t count, bool write) {
    // A count that the bytes left cannot hold is told before anything is made of it.
    if (layout.least_bytes > 0 && times(layout.least_bytes, count) > in_.left())
      fail("a message is cut: {} elements in {} bytes", count, in_.left());
    if (layout.least_bytes == 0 && (empty_ += count) > kMostEmptyElements)
      fail("a message has more than {} elements without content", kMostEmptyElements);
    for (; count > 0; --count) message(layout, write);
  }

  void add(const Step& step) {
    if (step.list == List::kVariable) return out_.count(0);
    for (std::uint64_t i = 0; i < (step.list == List::kFixed ? step.count : 1); ++i) {
      if (step.layout) {
        message(*step.layout, true);
      } else if (step.primitive->kind == Primitive::Kind::kString) {
        out_.text(nullptr, 0);
      } else {
        out_.align(step.primitive->align);
        out_.zeros(step.primitive->size);
      }
    }
  }

  Ros1Bytes& in_;
  CdrBytes& out_;
  std::uint64_t empty_ = 0;
};

}  // namespace

Ros1Transcoder::Ros1Transcoder(std::string_view type, std::string_view definition) {
  auto impl = std::make_unique<Impl>();
  impl->type = full_message_name(type == "tf/tfMessage" ? "tf2_msgs/TFMessage" : type);
  impl->from = parse_message_definition(impl->type, definition);
  impl->root = &impl->layout_of(impl->type);
  if (!find_message_type(impl->type)) impl->write_text();
  impl_ = std::move(impl);
}
Ros1Transcoder::~Ros1Transcoder() = default;
Ros1Transcoder::Ros1Transcoder(Ros1Transcoder&&) noexcept = default;

const std::string& Ros1Transcoder::type() const { return impl_->type; }
const std::string& Ros1Transcoder::definition() const { return impl_->text; }
const std::vector<std::string>& Ros1Transcoder::left_out() const { return impl_->left_out; }

std::vector<std::uint8_t> Ros1Transcoder::to_cdr(std::span<const std::uint8_t> ros1) const {
  Ros1Bytes in(ros1);
  CdrBytes out(ros1.size() + ros1.size() / 16 + 64);
  Run(in, out).message(*impl_->root, true);
  if (in.left() > 0) fail("{} bytes stand behind the end of a {}", in.left(), impl_->type);
  return out.take();
}

}  // namespace bramble
