#include "bramble/dataset/gaia_index.hpp"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <parquet/arrow/writer.h>

#include <nlohmann/json.hpp>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"

namespace bramble {
namespace {

void check(const arrow::Status& status, const std::filesystem::path& file) {
  if (!status.ok()) fail("cannot write {}: {}", file.string(), status.ToString());
}

// The schema metadata that pandas writes and reads (pandas developer documentation, «Storing pandas DataFrame objects
// in Apache Parquet format»).
std::string pandas_metadata() {
  nlohmann::ordered_json columns = nlohmann::ordered_json::array();
  for (const char* name : {"image", "label", "split", "__index_level_0__"}) {
    const bool index = std::string(name).starts_with("__");
    columns.push_back({{"name", index ? nlohmann::ordered_json() : nlohmann::ordered_json(name)},
                       {"field_name", name},
                       {"pandas_type", "unicode"},
                       {"numpy_type", "object"},
                       {"metadata", nullptr}});
  }
  return nlohmann::ordered_json{{"index_columns", {"__index_level_0__"}},
                                {"column_indexes",
                                 {{{"name", nullptr},
                                   {"field_name", nullptr},
                                   {"pandas_type", "unicode"},
                                   {"numpy_type", "object"},
                                   {"metadata", {{"encoding", "UTF-8"}}}}}},
                                {"columns", columns},
                                {"attributes", {{"ontology_fname", "ontology.json"}}},
                                {"creator", {{"library", "bramble"}, {"version", "1"}}},
                                {"pandas_version", "2.0.0"}}
      .dump();
}

}  // namespace

void write_gaia_index(const std::filesystem::path& file, const std::vector<GaiaRow>& rows) {
  arrow::StringBuilder image, label, split, name;
  for (const auto& row : rows) {
    check(image.Append(row.image), file);
    check(label.Append(row.label), file);
    check(split.Append(row.split), file);
    check(name.Append(row.name), file);
  }
  arrow::ArrayVector arrays;
  for (auto* builder : {&image, &label, &split, &name}) {
    std::shared_ptr<arrow::Array> array;
    check(builder->Finish(&array), file);
    arrays.push_back(array);
  }
  const auto schema =
      arrow::schema({arrow::field("image", arrow::utf8()), arrow::field("label", arrow::utf8()),
                     arrow::field("split", arrow::utf8()), arrow::field("__index_level_0__", arrow::utf8())},
                    arrow::key_value_metadata({"pandas"}, {pandas_metadata()}));
  const auto table = arrow::Table::Make(schema, arrays);
  auto sink = arrow::io::BufferOutputStream::Create();
  check(sink.status(), file);
  const auto properties = parquet::WriterProperties::Builder()
                              .compression(parquet::Compression::UNCOMPRESSED)
                              ->created_by("bramble")
                              ->build();
  const auto arrow_properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
  check(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), *sink, 1 << 20, properties, arrow_properties),
        file);
  auto buffer = (*sink)->Finish();
  check(buffer.status(), file);
  write_file_atomically(file, std::span((*buffer)->data(), static_cast<std::size_t>((*buffer)->size())));
}

}  // namespace bramble
