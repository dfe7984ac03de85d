#include "bramble/model/torch_file.hpp"

#include <caffe2/serialize/inline_container.h>
#include <torch/types.h>

#include <cstring>
#include <deque>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"

namespace bramble {
namespace {

// A value of the pickle machine. All of them lie in the machine's arena: a hostile file can build lists that hold
// themselves, or are nested a million deep, and neither may leak or overflow the stack when they go.
struct Value;
using Ref = Value*;
struct Value {
  enum class Kind {
    kNone,
    kMark,
    kInt,
    kText,
    kTuple,
    kList,
    kDict,
    kGlobal,
    kStorage,
    kTensor,
    kOther
  } kind = Kind::kNone;
  std::int64_t number = 0;                 // kInt; offset of kTensor
  std::string text;                        // kText, kGlobal; key of kStorage and kTensor
  std::string dtype;                       // kStorage, kTensor: FloatStorage, LongStorage, …
  std::vector<Ref> items;                  // kTuple, kList; key, value, key, value… of kDict
  std::vector<std::int64_t> size, stride;  // kTensor
};
using Kind = Value::Kind;

class Unpickler {
 public:
  Unpickler(const std::vector<std::uint8_t>& bytes, std::string name) : bytes_(bytes), name_(std::move(name)) {}
  std::size_t position() const { return at_; }
  /// What the storages met so far hold: FloatStorage, …
  const std::map<std::string, std::string>& storages() const { return storages_; }

  Ref load() {
    stack_.clear();
    memo_.clear();
    while (true) {
      const std::uint8_t op = byte();
      switch (op) {
        case 0x80:
          byte();
          break;  // PROTO
        case '.':
          return pop();  // STOP
        case '(':
          push(Kind::kMark);
          break;  // MARK
        case ')':
          push(Kind::kTuple);
          break;  // EMPTY_TUPLE
        case ']':
          push(Kind::kList);
          break;  // EMPTY_LIST
        case '}':
          push(Kind::kDict);
          break;  // EMPTY_DICT
        case 'N':
          push(Kind::kNone);
          break;  // NONE
        case 0x88:
          integer(1);
          break;  // NEWTRUE
        case 0x89:
          integer(0);
          break;  // NEWFALSE
        case 'K':
          integer(static_cast<std::int64_t>(little(1)));
          break;  // BININT1
        case 'M':
          integer(static_cast<std::int64_t>(little(2)));
          break;  // BININT2
        case 'J':
          integer(static_cast<std::int32_t>(little(4)));
          break;  // BININT
        case 0x8a:
          long1();
          break;  // LONG1
        case 'G':
          little(8);
          push(Kind::kOther);
          break;  // BINFLOAT
        case 'X':
          text(little(4));
          break;  // BINUNICODE
        case 'U':
          text(little(1));
          break;  // SHORT_BINSTRING
        case 'q':
          memo_[little(1)] = top();
          break;  // BINPUT
        case 'r':
          memo_[little(4)] = top();
          break;  // LONG_BINPUT
        case 'h':
          get(little(1));
          break;  // BINGET
        case 'j':
          get(little(4));
          break;  // LONG_BINGET
        case 'c':
          global();
          break;  // GLOBAL
        case 't':
          tuple(pop_to_mark());
          break;  // TUPLE
        case 0x85:
          tuple(pop_many(1));
          break;  // TUPLE1
        case 0x86:
          tuple(pop_many(2));
          break;  // TUPLE2
        case 0x87:
          tuple(pop_many(3));
          break;  // TUPLE3
        case 'a':
          extend(Kind::kList, pop_many(1));
          break;  // APPEND
        case 'e':
          extend(Kind::kList, pop_to_mark());
          break;  // APPENDS
        case 's':
          extend(Kind::kDict, pop_many(2));
          break;  // SETITEM
        case 'u':
          extend(Kind::kDict, pop_to_mark());
          break;  // SETITEMS
        case 'b':
          pop();
          break;  // BUILD: state of an object (an OrderedDict's _metadata), not needed
        case 'Q':
          persistent();
          break;  // BINPERSID
        case 'R':
          reduce();
          break;  // REDUCE
        default:
          refuse(fmt::format("pickle operation 0x{:02x} is not allowed", op));
      }
    }
  }

  [[noreturn]] void refuse(const std::string& why) const {
    fail("{}: not a state dictionary of PyTorch: {} (byte {})", name_, why, at_);
  }

 private:
  std::uint8_t byte() { return static_cast<std::uint8_t>(little(1)); }
  std::uint64_t little(int count) {
    if (static_cast<std::size_t>(count) > bytes_.size() - at_) refuse("the file is cut");
    std::uint64_t value = 0;
    for (int i = 0; i < count; ++i) value |= std::uint64_t{bytes_[at_++]} << (8 * i);
    return value;
  }
  void push(Kind kind) {
    arena_.emplace_back();
    arena_.back().kind = kind;
    stack_.push_back(&arena_.back());
  }
  Ref top() {
    if (stack_.empty()) refuse("the pickle's stack is empty");
    return stack_.back();
  }
  Ref pop() {
    Ref value = top();
    stack_.pop_back();
    return value;
  }
  void integer(std::int64_t number) {
    push(Kind::kInt);
    top()->number = number;
  }
  void long1() {
    const int count = byte();
    if (count > 64) refuse("an integer of more than 64 bytes");
    std::uint64_t value = 0;
    for (int i = 0; i < count; ++i) {
      const std::uint64_t next = little(1);
      if (i < 8) value |= next << (8 * i);
    }
    integer(static_cast<std::int64_t>(value));
  }
  void text(std::uint64_t length) {
    if (length > bytes_.size() - at_) refuse("the file is cut");
    push(Kind::kText);
    top()->text.assign(reinterpret_cast<const char*>(bytes_.data() + at_), length);
    at_ += length;
  }
  void get(std::uint64_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) refuse("a reference to nothing");
    stack_.push_back(found->second);
  }
  std::string line() {
    std::string out;
    for (char c = static_cast<char>(byte()); c != '\n'; c = static_cast<char>(byte())) {
      out += c;
      if (out.size() > 200) refuse("a name without end");
    }
    return out;
  }
  void global() {
    const std::string module = line(), name = line();
    const std::string full = module + "." + name;
    const bool storage = module == "torch" && name.ends_with("Storage");
    // The last two stand around a value, their first argument.
    if (!storage && full != "collections.OrderedDict" && full != "torch._utils._rebuild_tensor_v2" &&
        full != "torch.jit._pickle.restore_type_tag" && full != "torch._utils._rebuild_parameter")
      refuse("it calls " + full + ", and only tensors are read; save the state dictionary alone");
    push(Kind::kGlobal);
    top()->text = storage ? name : full;
  }
  std::vector<Ref> pop_many(std::size_t count) {
    if (stack_.size() < count) refuse("the pickle's stack is empty");
    std::vector<Ref> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }
  std::vector<Ref> pop_to_mark() {
    for (std::size_t i = stack_.size(); i-- > 0;)
      if (stack_[i]->kind == Kind::kMark) {
        std::vector<Ref> items(stack_.begin() + static_cast<std::ptrdiff_t>(i) + 1, stack_.end());
        stack_.resize(i);
        return items;
      }
    refuse("a mark is missing");
  }
  void tuple(std::vector<Ref> items) {
    push(Kind::kTuple);
    top()->items = std::move(items);
  }
  void extend(Kind kind, const std::vector<Ref>& items) {
    if (top()->kind != kind) refuse("items for something that is no container");
    top()->items.insert(top()->items.end(), items.begin(), items.end());
  }
  // ('storage', type, key, device, count[, view])
  void persistent() {
    const Ref id = pop();
    if (id->kind != Kind::kTuple || id->items.size() < 5 || id->items[1]->kind != Kind::kGlobal ||
        id->items[2]->kind != Kind::kText)
      refuse("a storage without description");
    push(Kind::kStorage);
    top()->text = id->items[2]->text;
    top()->dtype = id->items[1]->text;
    storages_[top()->text] = top()->dtype;
  }
  std::vector<std::int64_t> numbers(Ref tuple) const {
    std::vector<std::int64_t> out;
    if (tuple->kind != Kind::kTuple) refuse("a tensor without shape");
    for (const auto& item : tuple->items) {
      if (item->kind != Kind::kInt || item->number < 0) refuse("a tensor with a wrong shape");
      out.push_back(item->number);
    }
    return out;
  }
  void reduce() {
    const Ref arguments = pop(), callable = pop();
    if (callable->kind != Kind::kGlobal) refuse("a call of something that is no function");
    if (callable->text == "collections.OrderedDict") return push(Kind::kDict);
    const auto& a = arguments->items;
    if (callable->text == "torch.jit._pickle.restore_type_tag" || callable->text == "torch._utils._rebuild_parameter") {
      if (a.empty()) refuse("a value without type");
      stack_.push_back(a[0]);
      return;
    }
    if (callable->text != "torch._utils._rebuild_tensor_v2") refuse("a call of " + callable->text);
    if (a.size() < 4 || a[0]->kind != Kind::kStorage || a[1]->kind != Kind::kInt || a[1]->number < 0)
      refuse("a tensor without storage");
    push(Kind::kTensor);
    top()->text = a[0]->text;
    top()->dtype = a[0]->dtype;
    top()->number = a[1]->number;
    top()->size = numbers(a[2]);
    top()->stride = numbers(a[3]);
    if (top()->size.size() != top()->stride.size()) refuse("a tensor with a wrong shape");
  }

  const std::vector<std::uint8_t>& bytes_;
  std::string name_;
  std::size_t at_ = 0;
  std::deque<Value> arena_;
  std::vector<Ref> stack_;
  std::map<std::uint64_t, Ref> memo_;
  std::map<std::string, std::string> storages_;
};

struct Storage {
  const std::uint8_t* data;
  std::size_t bytes;
};

// Bytes of an element; 0: an unknown type.
std::size_t element_size(const std::string& dtype) {
  static const std::map<std::string, std::size_t> sizes{
      {"FloatStorage", 4}, {"DoubleStorage", 8}, {"HalfStorage", 2},         {"BFloat16Storage", 2},
      {"LongStorage", 8},  {"IntStorage", 4},    {"ShortStorage", 2},        {"CharStorage", 1},
      {"ByteStorage", 1},  {"BoolStorage", 1},   {"ComplexFloatStorage", 8}, {"ComplexDoubleStorage", 16}};
  const auto found = sizes.find(dtype);
  return found == sizes.end() ? 0 : found->second;
}

// Bytes of an element of the types that are read; 0: not a float.
std::size_t float_size(const std::string& dtype) {
  if (dtype == "FloatStorage") return 4;
  if (dtype == "DoubleStorage") return 8;
  return dtype == "HalfStorage" || dtype == "BFloat16Storage" ? 2 : 0;
}

float element(const std::uint8_t* at, const std::string& dtype) {
  if (dtype == "FloatStorage") {
    float value = 0;
    std::memcpy(&value, at, 4);
    return value;
  }
  if (dtype == "DoubleStorage") {
    double value = 0;
    std::memcpy(&value, at, 8);
    return static_cast<float>(value);
  }
  std::uint16_t bits = 0;
  std::memcpy(&bits, at, 2);
  if (dtype == "HalfStorage") return static_cast<float>(c10::Half(bits, c10::Half::from_bits()));
  return static_cast<float>(c10::BFloat16(bits, c10::BFloat16::from_bits()));
}

// A tensor, row-major, out of its storage by its strides.
Tensor gather(const Value& value, const Storage& storage, const std::string& name, const std::string& file) {
  const std::size_t size = float_size(value.dtype);
  const std::uint64_t there = storage.bytes / size;
  std::uint64_t count = 1, last = static_cast<std::uint64_t>(value.number);
  Tensor tensor;
  for (std::size_t k = 0; k < value.size.size(); ++k) {
    const auto side = static_cast<std::uint64_t>(value.size[k]), stride = static_cast<std::uint64_t>(value.stride[k]);
    tensor.shape.push_back(side);
    if (side > 0 && (count > there / side || stride > there))
      fail("{}: tensor {} is larger than its storage", file, name);
    count *= side;
    if (side > 0) last += (side - 1) * stride;
    if (last > there) break;  // before a sum of many sides can wrap around
  }
  if (last > there || (count > 0 && last == there)) fail("{}: tensor {} reaches beyond its storage", file, name);
  tensor.values.resize(count);
  std::vector<std::int64_t> index(value.size.size(), 0);
  for (std::uint64_t n = 0; n < count; ++n) {
    std::int64_t offset = value.number;
    for (std::size_t k = 0; k < index.size(); ++k) offset += index[k] * value.stride[k];
    tensor.values[n] = element(storage.data + size * static_cast<std::size_t>(offset), value.dtype);
    for (std::size_t k = index.size(); k-- > 0;) {
      if (++index[k] < value.size[k]) break;
      index[k] = 0;
    }
  }
  return tensor;
}

// The dictionary of tensors: the outer one, or what a training's checkpoint calls so (its averaged weights first, as
// timm takes them).
Ref state_dictionary(const Unpickler& in, Ref outer) {
  if (outer->kind != Kind::kDict) in.refuse("the content is no dictionary");
  for (const char* wanted : {"state_dict_ema", "model_ema", "state_dict", "model"})
    for (std::size_t i = 0; i + 1 < outer->items.size(); i += 2)
      if (outer->items[i]->text == wanted && outer->items[i + 1]->kind == Kind::kDict) return outer->items[i + 1];
  return outer;
}

// Its float tensors by name, without the «module.» of DataParallel. `storage_of` finds the data of a tensor.
template <typename StorageOf>
TensorMap float_tensors(Ref dictionary, const std::string& file, const StorageOf& storage_of) {
  TensorMap tensors;
  for (std::size_t i = 0; i + 1 < dictionary->items.size(); i += 2) {
    const Ref &name = dictionary->items[i], &value = dictionary->items[i + 1];
    if (name->kind != Kind::kText || value->kind != Kind::kTensor || float_size(value->dtype) == 0) continue;
    const std::string key = name->text.starts_with("module.") ? name->text.substr(7) : name->text;
    tensors.emplace(key, gather(*value, storage_of(*value), name->text, file));
  }
  return tensors;
}

}  // namespace

TensorMap read_torch_state_dict(const std::filesystem::path& file) {
  return parse_torch_state_dict(read_file(file), file.string());
}

TensorMap parse_torch_state_dict(const std::vector<std::uint8_t>& bytes, const std::string& file) {
  Unpickler in(bytes, file);
  // 1. Magic number, protocol, system information, dictionary, storage keys.
  const Ref magic = in.load();
  if (magic->kind != Kind::kInt || static_cast<std::uint64_t>(magic->number) != 0xa86a20f9469cfc6cULL)
    in.refuse("its magic number is not that of torch.save");
  const Ref protocol = in.load();
  if (protocol->kind != Kind::kInt || protocol->number != 1001) in.refuse("protocol is not 1001");
  in.load();
  const Ref dictionary = state_dictionary(in, in.load());
  const Ref keys = in.load();
  if (keys->kind != Kind::kList) in.refuse("no list of storages");

  // 2. Where each storage lies.
  std::map<std::string, Storage> storages;
  std::size_t at = in.position();
  for (const auto& key : keys->items) {
    if (bytes.size() - at < 8) fail("{}: the file is cut at storage {}", file, key->text);
    std::uint64_t count = 0;
    std::memcpy(&count, bytes.data() + at, 8);
    at += 8;
    const auto type = in.storages().find(key->text);
    const std::size_t element = type == in.storages().end() ? 0 : element_size(type->second);
    if (element == 0)
      fail("{}: storage {} holds {}, which is not read", file, key->text,
           type == in.storages().end() ? "nothing known" : type->second);
    if (count > (bytes.size() - at) / element) fail("{}: the file is cut in storage {}", file, key->text);
    storages[key->text] = {bytes.data() + at, count * element};
    at += count * element;
  }

  // 3. Tensors, gathered by their strides.
  return float_tensors(dictionary, file, [&](const Value& tensor) {
    const auto storage = storages.find(tensor.text);
    if (storage == storages.end()) fail("{}: storage {} is missing", file, tensor.text);
    return storage->second;
  });
}

TensorMap read_torch_archive(const std::filesystem::path& path) {
  const std::string file = path.string();
  try {
    caffe2::serialize::PyTorchStreamReader archive(file);
    const auto record = [&](const std::string& name) {
      auto [data, size] = archive.getRecord(name);
      const auto* begin = static_cast<const std::uint8_t*>(data.get());
      return std::vector<std::uint8_t>(begin, begin + size);
    };
    const std::vector<std::uint8_t> pickle = record("data.pkl");
    Unpickler in(pickle, file);
    const Ref dictionary = state_dictionary(in, in.load());
    std::map<std::string, std::vector<std::uint8_t>> storages;
    const TensorMap tensors = float_tensors(dictionary, file, [&](const Value& tensor) {
      auto [storage, fresh] = storages.try_emplace(tensor.text);
      if (fresh) {
        if (tensor.text.empty() || tensor.text.find_first_not_of("0123456789") != std::string::npos)
          fail("{}: a storage is called '{}', not by a number", file, tensor.text);
        storage->second = record("data/" + tensor.text);
      }
      return Storage{storage->second.data(), storage->second.size()};
    });
    if (tensors.empty()) fail("{}: it holds no tensors by name; a state dictionary is needed, not a whole model", file);
    return tensors;
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    fail("{}: not a PyTorch archive: {}", file, what.substr(0, what.find('\n')));
  }
}

}  // namespace bramble
