// Makes C++ structs, CDR code, definition texts and type hashes out of msg/<package>/msg/<Name>.msg, and of the two
// halves of msg/<package>/srv/<Name>.srv, which become <Name>_Request and <Name>_Response:
//
//     bramble_msggen MSG_FOLDER OUT_HPP OUT_CPP
//
// The language read is that of ROS 2 interface definitions: `type name [default]` and `type NAME=value` lines with
// comments, where type is a primitive, string, `string<=N`, `Name` or `package/Name`, and may end in `[]`, `[N]` or
// `[<=N]`. The type hash is RIHS01: SHA-256 of the type description's JSON (REP 2016, rosidl).
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "bramble/ros/sha256.hpp"

namespace {

namespace fs = std::filesystem;

struct Primitive {
  std::string cpp;
  int type_id;  // of RIHS01; `char` of a .msg is uint8 there
};

const std::map<std::string, Primitive> kPrimitives = {
    {"bool", {"bool", 15}},           {"byte", {"std::uint8_t", 16}},   {"char", {"std::uint8_t", 3}},
    {"int8", {"std::int8_t", 2}},     {"uint8", {"std::uint8_t", 3}},   {"int16", {"std::int16_t", 4}},
    {"uint16", {"std::uint16_t", 5}}, {"int32", {"std::int32_t", 6}},   {"uint32", {"std::uint32_t", 7}},
    {"int64", {"std::int64_t", 8}},   {"uint64", {"std::uint64_t", 9}}, {"float32", {"float", 10}},
    {"float64", {"double", 11}},      {"string", {"std::string", 17}},
};

std::string replace(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

bool of_service(const std::string& name) {
  return name.ends_with("_Request") || name.ends_with("_Response") || name.ends_with("_Event");
}
std::string full_name(const std::string& name) { return replace(name, "/", of_service(name) ? "/srv/" : "/msg/"); }
std::string cpp_name(const std::string& name) { return replace(name, "/", "::"); }

enum class List { kNone, kFixed, kBounded, kUnbounded };

struct Field {
  std::string base;  // a primitive, or package/Name
  std::string name;
  std::string initial;  // default value, or the value of a constant
  std::string string_capacity = "0";
  std::string capacity = "0";  // of a fixed or bounded list
  List list = List::kNone;
  bool constant = false;

  bool primitive() const { return kPrimitives.contains(base); }

  std::string cpp() const {
    const std::string element = primitive() ? kPrimitives.at(base).cpp : cpp_name(base);
    if (list == List::kNone) return element;
    if (list == List::kFixed) return "std::array<" + element + ", " + capacity + ">";
    // std::vector<bool> has no bytes to copy; a bool is one byte, 0 or 1.
    return "std::vector<" + (element == "bool" ? "std::uint8_t" : element) + ">";
  }

  std::string description() const {
    int id = !primitive() ? 1 : string_capacity != "0" ? 21 : kPrimitives.at(base).type_id;
    id += list == List::kFixed ? 48 : list == List::kBounded ? 96 : list == List::kUnbounded ? 144 : 0;
    return "{\"name\": \"" + name + "\", \"type\": {\"type_id\": " + std::to_string(id) +
           ", \"capacity\": " + capacity + ", \"string_capacity\": " + string_capacity + ", \"nested_type_name\": \"" +
           (primitive() ? "" : full_name(base)) + "\"}}";
  }
};

Field read_field(const std::string& package, const std::string& line) {
  static const std::regex pattern(
      R"(([A-Za-z]\w*(?:/[A-Za-z]\w*)?)(?:<=(\d+))?(?:\[(<=)?(\d*)\])?\s+([A-Za-z]\w*)\s*(=)?\s*(.*))");
  std::smatch match;
  if (!std::regex_match(line, match, pattern)) throw std::runtime_error("cannot read the field '" + line + "'");
  Field field;
  field.base = match[1];
  field.name = match[5];
  field.constant = match[6].matched;
  field.initial = match[7];
  if (match[2].matched) field.string_capacity = match[2];
  if (match[4].matched) {
    field.list = match[3].matched ? List::kBounded : match[4].length() > 0 ? List::kFixed : List::kUnbounded;
    if (match[4].length() > 0) field.capacity = match[4];
  }
  if (match[2].matched && field.base != "string") throw std::runtime_error("only a string has a bound: '" + line + "'");
  if (!field.primitive() && field.base.find('/') == std::string::npos) field.base = package + "/" + field.base;
  if (!field.initial.empty() && (!field.primitive() || field.list != List::kNone))
    throw std::runtime_error("values of lists and messages are not supported: '" + line + "'");
  if (field.constant && field.initial.empty()) throw std::runtime_error("a constant without a value: '" + line + "'");
  return field;
}

std::string describe(const std::string& full, const std::vector<Field>& fields) {
  std::string out = "{\"type_name\": \"" + full + "\", \"fields\": [";
  for (std::size_t i = 0; i < fields.size(); ++i) out += (i > 0 ? ", " : "") + fields[i].description();
  return out + "]}";
}

struct MessageFile {
  std::string name;  // package/Name
  std::string text;
  std::vector<Field> fields;  // on the wire, in order
  std::vector<Field> constants;

  std::string description() const { return describe(full_name(name), fields); }
};

std::string trim(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string read_text(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error(file.string() + ": cannot be read");
  return {std::istreambuf_iterator<char>(in), {}};
}

// `first_line`: of the text in the file.
MessageFile read_message(const fs::path& file, const std::string& name, const std::string& text, int first_line) {
  MessageFile message;
  message.name = name;
  message.text = text;
  const std::string package = name.substr(0, name.find('/'));
  std::istringstream lines(text);
  std::string line;
  for (int number = first_line; std::getline(lines, line); ++number) {
    line = trim(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    try {
      Field field = read_field(package, line);
      (field.constant ? message.constants : message.fields).push_back(std::move(field));
    } catch (const std::exception& error) {
      throw std::runtime_error(file.string() + ":" + std::to_string(number) + ": " + error.what());
    }
  }
  if (message.fields.empty()) throw std::runtime_error(file.string() + ": a message without fields is not supported");
  return message;
}

using Messages = std::map<std::string, MessageFile>;

std::string name_of(const fs::path& file) {
  return file.parent_path().parent_path().filename().string() + "/" + file.stem().string();
}

// Adds what a file of the folder defines; returns the name of its service, if it is one.
std::string read_file(const fs::path& file, Messages& messages) {
  const std::string kind = file.parent_path().filename().string();
  if (kind == "msg" && file.extension() == ".msg") {
    messages.emplace(name_of(file), read_message(file, name_of(file), read_text(file), 1));
  } else if (kind == "srv" && file.extension() == ".srv") {
    static const std::string kRule = "\n---\n";
    const std::string text = read_text(file), name = name_of(file);
    const auto middle = text.find(kRule);
    if (middle == std::string::npos) throw std::runtime_error(file.string() + ": no line --- before the response");
    const std::string request = text.substr(0, middle + 1);
    const int lines = static_cast<int>(std::count(request.begin(), request.end(), '\n'));
    messages.emplace(name + "_Request", read_message(file, name + "_Request", request, 1));
    messages.emplace(name + "_Response",
                     read_message(file, name + "_Response", text.substr(middle + kRule.size()), lines + 2));
    return name;
  }
  return {};
}

// Types that `name` uses, depth first, each once, in the order of first use: the order of ros2msg texts.
void add_dependencies(const Messages& messages, const std::string& name, std::vector<std::string>& seen) {
  for (const auto& field : messages.at(name).fields) {
    if (field.primitive() || std::find(seen.begin(), seen.end(), field.base) != seen.end()) continue;
    if (!messages.contains(field.base)) throw std::runtime_error(name + ": unknown type " + field.base);
    if (field.base == name) throw std::runtime_error(name + " contains itself");
    seen.push_back(field.base);
    add_dependencies(messages, field.base, seen);
  }
}

std::vector<std::string> dependencies(const Messages& messages, const std::string& name) {
  std::vector<std::string> seen;
  add_dependencies(messages, name, seen);
  return seen;
}

std::string hash_of(const std::string& description, std::map<std::string, std::string> referenced) {
  std::string json = "{\"type_description\": " + description + ", \"referenced_type_descriptions\": [";
  std::size_t count = 0;
  for (const auto& [name, text] : referenced) json += (count++ > 0 ? ", " : "") + text;
  return "RIHS01_" + bramble::sha256_hex(json + "]}");
}

std::string rihs01(const Messages& messages, const std::string& name) {
  std::map<std::string, std::string> referenced;
  for (const auto& used : dependencies(messages, name)) referenced[full_name(used)] = messages.at(used).description();
  return hash_of(messages.at(name).description(), std::move(referenced));
}

// A service is described by its two messages and an event that tells of calls (REP 2012): service_msgs/ServiceEventInfo
// with at most one request and one response.
std::string service_hash(const Messages& messages, const std::string& name) {
  const auto field = [](const std::string& field_name, const std::string& type) {
    Field result;
    result.name = field_name;
    result.base = type;
    return result;
  };
  const auto at_most_one = [&](const std::string& field_name, const std::string& type) {
    Field result = field(field_name, type);
    result.list = List::kBounded;
    result.capacity = "1";
    return result;
  };
  const std::string service = replace(name, "/", "/srv/");
  std::map<std::string, std::string> referenced;
  const std::string info = "service_msgs/ServiceEventInfo";
  for (const std::string& part : {name + "_Request", name + "_Response", info}) {
    referenced[full_name(part)] = messages.at(part).description();
    for (const auto& used : dependencies(messages, part)) referenced[full_name(used)] = messages.at(used).description();
  }
  referenced[service + "_Event"] = describe(
      service + "_Event",
      {field("info", info), at_most_one("request", name + "_Request"), at_most_one("response", name + "_Response")});
  return hash_of(
      describe(service, {field("request_message", name + "_Request"), field("response_message", name + "_Response"),
                         field("event_message", name + "_Event")}),
      std::move(referenced));
}

std::string definition(const Messages& messages, const std::string& name) {
  std::string text = messages.at(name).text;
  for (const auto& used : dependencies(messages, name))
    text += "\n" + std::string(80, '=') + "\nMSG: " + used + "\n" + messages.at(used).text;
  return text;
}

int depth(const Messages& messages, const std::string& name) {
  int deepest = 0;
  for (const auto& field : messages.at(name).fields)
    if (!field.primitive()) deepest = std::max(deepest, depth(messages, field.base));
  return deepest + 1;
}

std::string literal(const Field& field) {
  if (field.base != "string")
    return field.initial == "True" ? "true" : field.initial == "False" ? "false" : field.initial;
  const bool quoted = field.initial.size() >= 2 && (field.initial[0] == '"' || field.initial[0] == '\'');
  return "\"" + (quoted ? field.initial.substr(1, field.initial.size() - 2) : field.initial) + "\"";
}

std::string header_text(const Messages& messages, const std::vector<std::string>& order) {
  std::ostringstream out;
  out << "// Generated by tools/msggen from msg/: do not edit.\n#pragma once\n#include <array>\n#include <cstdint>\n"
         "#include <string>\n#include <string_view>\n#include <tuple>\n#include <vector>\n\nnamespace bramble {\n"
         "class CdrWriter;\nclass CdrReader;\n\n";
  for (const auto& name : order) {
    const auto& message = messages.at(name);
    const auto slash = name.find('/');
    out << "namespace " << name.substr(0, slash) << " {\nstruct " << name.substr(slash + 1)
        << " {\n  static constexpr std::string_view kType = \"" << full_name(name) << "\";\n";
    for (const auto& constant : message.constants)
      out << "  static constexpr " << (constant.base == "string" ? "std::string_view" : constant.cpp()) << " "
          << constant.name << " = " << literal(constant) << ";\n";
    for (const auto& field : message.fields) {
      const bool empties_itself = !field.primitive() || field.base == "string" || field.list == List::kBounded ||
                                  field.list == List::kUnbounded;
      out << "  " << field.cpp() << " " << field.name
          << (!field.initial.empty() ? " = " + literal(field)
              : empties_itself       ? ""
                                     : "{}")
          << ";\n";
    }
    out << "  bool operator==(const " << name.substr(slash + 1) << "&) const = default;\n};\n}\n";
    const auto type = cpp_name(name);
    out << "void write_fields(CdrWriter& out, const " << type << "& m);\nvoid read_fields(CdrReader& in, " << type
        << "& m);\n";
    for (const char* access : {"const ", ""}) {
      out << "template <typename F>\nvoid visit_fields(" << access << type << "& m, F&& f) {\n";
      for (const auto& field : message.fields) out << "  f(\"" << field.name << "\", m." << field.name << ");\n";
      out << "}\n";
    }
    out << "\n";
  }
  out << "/// Every message type, for code that must hold for all of them.\nusing AllMessages = std::tuple<";
  std::size_t count = 0;
  for (const auto& entry : messages) out << (count++ > 0 ? ",\n    " : "\n    ") << cpp_name(entry.first);
  out << ">;\n\n}  // namespace bramble\n";
  return out.str();
}

std::string source_text(const Messages& messages, const std::vector<std::string>& order,
                        const std::vector<std::string>& services) {
  std::ostringstream out;
  out << "// Generated by tools/msggen from msg/: do not edit.\n#include \"bramble/ros/messages.hpp\"\n\n"
         "namespace bramble {\n\n";
  for (const auto& name : order) {
    const auto type = cpp_name(name);
    out << "void write_fields(CdrWriter& out, const " << type << "& m) {\n";
    for (const auto& field : messages.at(name).fields) out << "  out.put(m." << field.name << ");\n";
    out << "}\nvoid read_fields(CdrReader& in, " << type << "& m) {\n";
    for (const auto& field : messages.at(name).fields) out << "  in.get(m." << field.name << ");\n";
    out << "}\n\n";
  }
  out << "const std::vector<MessageType>& message_types() {\n  static const std::vector<MessageType> types = {\n";
  for (const auto& entry : messages)
    out << "    {\"" << full_name(entry.first) << "\", \"" << rihs01(messages, entry.first) << "\",\n     R\"~("
        << definition(messages, entry.first) << ")~\", &check_payload<" << cpp_name(entry.first) << ">},\n";
  out << "  };\n  return types;\n}\n\nconst std::vector<ServiceType>& service_types() {\n"
         "  static const std::vector<ServiceType> types = {\n";
  for (const auto& name : services)
    out << "    {\"" << replace(name, "/", "/srv/") << "\", \"" << service_hash(messages, name) << "\"},\n";
  out << "  };\n  return types;\n}\n\n}  // namespace bramble\n";
  return out.str();
}

void write(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::binary);
  out << text;
  if (!out.flush()) throw std::runtime_error(file.string() + ": cannot be written");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: bramble_msggen MSG_FOLDER OUT_HPP OUT_CPP\n";
    return 2;
  }
  try {
    Messages messages;
    std::vector<std::string> services;
    for (const auto& entry : fs::recursive_directory_iterator(argv[1]))
      if (std::string service = read_file(entry.path(), messages); !service.empty())
        services.push_back(std::move(service));
    std::sort(services.begin(), services.end());
    std::vector<std::string> order;  // what is used stands before its user
    for (const auto& entry : messages) {
      (void)dependencies(messages, entry.first);
      order.push_back(entry.first);
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](const auto& a, const auto& b) { return depth(messages, a) < depth(messages, b); });
    write(argv[2], header_text(messages, order));
    write(argv[3], source_text(messages, order, services));
  } catch (const std::exception& error) {
    std::cerr << "bramble_msggen: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
