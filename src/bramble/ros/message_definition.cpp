#include "bramble/ros/message_definition.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

constexpr std::array<std::string_view, 17> kPrimitives = {"bool",    "byte",   "char",    "int8",  "uint8",   "int16",
                                                          "uint16",  "int32",  "uint32",  "int64", "uint64",  "float32",
                                                          "float64", "string", "wstring", "time",  "duration"};
constexpr std::uint64_t kMostElements = 1'000'000'000;  // of a fixed list
constexpr int kDeepest = 40;                            // messages within messages

bool is_primitive(std::string_view word) {
  return std::find(kPrimitives.begin(), kPrimitives.end(), word) != kPrimitives.end();
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_word(std::string_view text) {
  return !text.empty() && !std::isdigit(static_cast<unsigned char>(text.front())) &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

// Takes the front of `text` up to the first character for which `ends` holds.
template <typename Ends>
std::string_view take_until(std::string_view& text, const Ends& ends) {
  const auto end = std::find_if(text.begin(), text.end(), ends);
  const std::string_view front = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(front.size());
  return front;
}

std::uint64_t read_count(std::string_view digits, std::string_view line) {
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (error != std::errc{} || end != digits.data() + digits.size() || count > kMostElements)
    fail("'{}' is no number of elements in '{}'", digits, line);
  return count;
}

// The type of a field as a full name; `package` is that of the message it stands in.
std::string type_name(std::string_view word, const std::string& package, std::string_view line) {
  if (is_primitive(word)) return std::string(word);
  if (word == "Header") return "std_msgs/msg/Header";  // ROS 1 knows it without its package
  if (word.find('/') == std::string_view::npos) {
    if (!is_word(word)) fail("'{}' is no type in '{}'", word, line);
    return fmt::format("{}/msg/{}", package, word);
  }
  std::string name = full_message_name(word);
  if (name == "builtin_interfaces/msg/Time") return "time";
  if (name == "builtin_interfaces/msg/Duration") return "duration";
  return name;
}

// One line without its comment; a constant is kept with the comment that may belong to its text.
void read_line(std::string_view line, const std::string& package, DefinedMessage& message) {
  std::string_view rest = trim(line);
  if (rest.empty() || rest.front() == '#') return;
  std::string_view type = take_until(rest, is_space);
  rest = trim(rest);
  const std::string_view name = take_until(rest, [](char c) { return is_space(c) || c == '=' || c == '#'; });
  rest = trim(rest);
  if (!is_word(name)) fail("'{}' is no name of a field in '{}'", name, trim(line));
  DefinedField field;
  field.name = name;
  const std::string_view base = take_until(type, [](char c) { return c == '[' || c == '<'; });
  if (type.starts_with("<=")) {  // the bound of a string
    type.remove_prefix(2);
    read_count(take_until(type, [](char c) { return c == '['; }), trim(line));
  }
  if (type.starts_with('[')) {
    if (!type.ends_with(']')) fail("the list in '{}' has no end", trim(line));
    const std::string_view inside = type.substr(1, type.size() - 2);
    const bool bounded = inside.starts_with("<=");
    if (bounded) read_count(inside.substr(2), trim(line));
    field.list = inside.empty() || bounded ? DefinedField::List::kVariable : DefinedField::List::kFixed;
    if (field.list == DefinedField::List::kFixed) field.count = read_count(inside, trim(line));
  } else if (!type.empty()) {
    fail("'{}' stands behind the type in '{}'", type, trim(line));
  }
  field.type = type_name(base, package, trim(line));
  if (rest.starts_with('=')) {
    if (!field.primitive() || field.list != DefinedField::List::kNone)
      fail("a constant is one primitive, unlike '{}'", trim(line));
    const std::string_view value = trim(rest.substr(1));
    message.constants.push_back(fmt::format("{} {}={}", base, name, value));
    return;
  }
  message.fields.push_back(std::move(field));
}

// That every message used is there, and none holds itself.
void check_uses(const MessageDefinition& definition, const std::string& name, int depth,
                std::map<std::string, bool>& done) {
  if (done.contains(name)) {
    if (!done.at(name)) fail("{} contains itself", name);
    return;
  }
  if (depth > kDeepest) fail("messages stand more than {} deep in each other", kDeepest);
  const auto found = definition.messages.find(name);
  if (found == definition.messages.end()) fail("the definition of {} is missing", name);
  done[name] = false;
  for (const DefinedField& field : found->second.fields)
    if (!field.primitive()) check_uses(definition, field.type, depth + 1, done);
  done[name] = true;
}

// Names used, depth first, each once: the order of ros2msg texts.
void list_uses(const MessageDefinition& definition, const std::string& name, std::vector<std::string>& seen) {
  for (const DefinedField& field : definition.messages.at(name).fields) {
    const std::string used = field.type == "time"       ? "builtin_interfaces/msg/Time"
                             : field.type == "duration" ? "builtin_interfaces/msg/Duration"
                                                        : field.type;
    if (used.find('/') == std::string::npos || std::find(seen.begin(), seen.end(), used) != seen.end()) continue;
    seen.push_back(used);
    if (!field.primitive()) list_uses(definition, used, seen);
  }
}

std::string short_name(const std::string& name) {
  const auto slash = name.find('/');
  return name.substr(0, slash) + name.substr(name.rfind('/'));
}

std::string body_text(const MessageDefinition& definition, const std::string& name) {
  if (name == "builtin_interfaces/msg/Time" || name == "builtin_interfaces/msg/Duration")
    return "int32 sec\nuint32 nanosec\n";
  const DefinedMessage& message = definition.messages.at(name);
  std::string text;
  for (const std::string& constant : message.constants) {
    // Texts are quoted in ROS 2, and stand bare in ROS 1.
    const auto equals = constant.find('=');
    const std::string value = constant.substr(equals + 1);
    const bool bare = constant.starts_with("string ") && !value.starts_with('"') && !value.starts_with('\'');
    text += bare ? fmt::format("{}=\"{}\"\n", constant.substr(0, equals), value) : constant + "\n";
  }
  for (const DefinedField& field : message.fields) {
    const std::string type = field.type == "time"       ? "builtin_interfaces/Time"
                             : field.type == "duration" ? "builtin_interfaces/Duration"
                             : field.primitive()        ? field.type
                                                        : short_name(field.type);
    const std::string list = field.list == DefinedField::List::kNone    ? ""
                             : field.list == DefinedField::List::kFixed ? fmt::format("[{}]", field.count)
                                                                        : "[]";
    text += fmt::format("{}{} {}\n", type, list, field.name);
  }
  return text;
}

}  // namespace

std::string full_message_name(std::string_view name) {
  const auto first = name.find('/'), last = name.rfind('/');
  const std::string_view kind = first == last ? "/" : name.substr(first, last - first + 1);
  const bool middle = kind == "/msg/" || kind == "/srv/";  // a half of a service
  if (first == std::string_view::npos || (first != last && !middle) || !is_word(name.substr(0, first)) ||
      !is_word(name.substr(last + 1)))
    fail("'{}' is no name of a message; one looks like sensor_msgs/Image", name);
  return fmt::format("{}{}{}", name.substr(0, first), kind == "/" ? "/msg/" : kind, name.substr(last + 1));
}

MessageDefinition parse_message_definition(std::string_view type, std::string_view text) {
  MessageDefinition definition;
  definition.root = full_message_name(type);
  std::string name = definition.root;
  DefinedMessage message;
  const auto keep = [&] {
    // The same message may stand there twice.
    definition.messages.try_emplace(name, std::move(message));
    message = {};
  };
  bool separated = false;
  int number = 0;
  while (!text.empty()) {
    std::string_view line = take_until(text, [](char c) { return c == '\n'; });
    if (!text.empty()) text.remove_prefix(1);
    ++number;
    try {
      if (line.size() >= 10 && trim(line).find_first_not_of('=') == std::string_view::npos) {
        separated = true;
      } else if (separated && line.starts_with("MSG:")) {
        keep();
        name = full_message_name(trim(line.substr(4)));
        separated = false;
      } else if (separated && !trim(line).empty()) {
        fail("«MSG: package/Name» must follow the line of «=»");
      } else {
        read_line(line, name.substr(0, name.find('/')), message);
      }
    } catch (const Error& error) {
      fail("definition of {}, line {}: {}", definition.root, number, error.what());
    }
  }
  keep();
  std::map<std::string, bool> done;
  try {
    check_uses(definition, definition.root, 0, done);
  } catch (const Error& error) {
    fail("definition of {}: {}", definition.root, error.what());
  }
  return definition;
}

std::string message_definition_text(const MessageDefinition& definition) {
  std::vector<std::string> used;
  list_uses(definition, definition.root, used);
  std::string text = body_text(definition, definition.root);
  for (const std::string& name : used)
    text += fmt::format("\n{}\nMSG: {}\n{}", std::string(80, '='), short_name(name), body_text(definition, name));
  return text;
}

}  // namespace bramble
