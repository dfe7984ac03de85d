#include "bramble/dataset/gaia_index.hpp"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "bramble/core/error.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kGroup = 1 << 16;

void check(const arrow::Status& status, const fs::path& file, const char* what = "write") {
  if (!status.ok()) fail("cannot {} {}: {}", what, file.string(), status.ToString());
}

// The schema metadata that pandas writes and reads (pandas developer documentation, «Storing pandas DataFrame objects
// in Apache Parquet format»).
std::string pandas_metadata(const std::string& first_column) {
  nlohmann::ordered_json columns = nlohmann::ordered_json::array();
  for (const std::string& name :
       {first_column, std::string("label"), std::string("split"), std::string("__index_level_0__")}) {
    const bool index = name.starts_with("__");
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

struct GaiaIndexWriter::Impl {
  fs::path file, beside;
  std::shared_ptr<arrow::Schema> schema;
  std::shared_ptr<arrow::io::FileOutputStream> sink;
  std::unique_ptr<parquet::arrow::FileWriter> writer;
  std::array<arrow::StringBuilder, 4> columns;
  std::size_t rows = 0;
  bool finished = false;

  void flush() {
    arrow::ArrayVector arrays;
    for (auto& builder : columns) {
      std::shared_ptr<arrow::Array> array;
      check(builder.Finish(&array), file);
      arrays.push_back(array);
    }
    check(writer->WriteTable(*arrow::Table::Make(schema, arrays), static_cast<std::int64_t>(kGroup)), file);
    rows = 0;
  }
};

GaiaIndexWriter::GaiaIndexWriter(fs::path file, std::string first_column) : impl_(std::make_unique<Impl>()) {
  impl_->file = std::move(file);
  impl_->beside = impl_->file.string() + ".partial";
  impl_->schema =
      arrow::schema({arrow::field(first_column, arrow::utf8()), arrow::field("label", arrow::utf8()),
                     arrow::field("split", arrow::utf8()), arrow::field("__index_level_0__", arrow::utf8())},
                    arrow::key_value_metadata({"pandas"}, {pandas_metadata(first_column)}));
  auto sink = arrow::io::FileOutputStream::Open(impl_->beside.string());
  check(sink.status(), impl_->file);
  impl_->sink = *sink;
  auto writer = parquet::arrow::FileWriter::Open(*impl_->schema, arrow::default_memory_pool(), impl_->sink,
                                                 parquet::WriterProperties::Builder()
                                                     .compression(parquet::Compression::UNCOMPRESSED)
                                                     ->created_by("bramble")
                                                     ->build(),
                                                 parquet::ArrowWriterProperties::Builder().store_schema()->build());
  check(writer.status(), impl_->file);
  impl_->writer = std::move(*writer);
}

GaiaIndexWriter::~GaiaIndexWriter() {
  if (impl_->finished) return;
  std::error_code error;
  fs::remove(impl_->beside, error);
}

void GaiaIndexWriter::add(const GaiaRow& row) {
  const std::string* fields[] = {&row.image, &row.label, &row.split, &row.name};
  for (std::size_t i = 0; i < 4; ++i) {
    if (i == 1 && row.label.empty())
      check(impl_->columns[i].AppendNull(), impl_->file);
    else
      check(impl_->columns[i].Append(*fields[i]), impl_->file);
  }
  if (++impl_->rows == kGroup) impl_->flush();
}

void GaiaIndexWriter::finish() {
  if (impl_->rows > 0) impl_->flush();
  check(impl_->writer->Close(), impl_->file);
  check(impl_->sink->Close(), impl_->file);
  std::error_code error;
  fs::rename(impl_->beside, impl_->file, error);
  if (error) fail("cannot write {}: {}", impl_->file.string(), error.message());
  impl_->finished = true;
}

GaiaHeader read_gaia_index(const fs::path& file, const std::function<void(const GaiaRow&)>& take) {
  auto input = arrow::io::ReadableFile::Open(file.string());
  check(input.status(), file, "read");
  auto opened = parquet::arrow::OpenFile(*input, arrow::default_memory_pool());
  check(opened.status(), file, "read");
  parquet::arrow::FileReader& reader = **opened;
  std::shared_ptr<arrow::Schema> schema;
  check(reader.GetSchema(&schema), file, "read");

  GaiaHeader header;
  std::string index_column;
  const auto metadata = schema->metadata();
  if (metadata && metadata->Contains("pandas")) {
    const auto pandas = nlohmann::json::parse(*metadata->Get("pandas"), nullptr, false);
    if (pandas.is_object()) {
      if (const auto at = pandas.find("index_columns"); at != pandas.end() && at->is_array() && !at->empty())
        if ((*at)[0].is_string()) index_column = (*at)[0].get<std::string>();
      if (const auto at = pandas.find("attributes"); at != pandas.end() && at->is_object())
        header.ontology_file = at->value("ontology_fname", header.ontology_file);
    }
  }
  header.points = schema->GetFieldIndex("image") < 0 && schema->GetFieldIndex("points") >= 0;
  const std::string first = header.points ? "points" : "image";
  for (const std::string& column : {first, std::string("label")})
    if (schema->GetFieldIndex(column) < 0)
      fail("{}: no column '{}'; a GAIA index has image (or points), label and split", file.string(), column);

  std::size_t number = 0;
  for (int group = 0; group < reader.num_row_groups(); ++group) {
    const auto read = reader.ReadRowGroup(group);
    check(read.status(), file, "read");
    const auto combined = (*read)->CombineChunks();
    check(combined.status(), file, "read");
    const std::shared_ptr<arrow::Table> table = *combined;
    const auto text = [&](const std::string& column, std::int64_t row) -> std::optional<std::string> {
      const auto chunks = column.empty() ? nullptr : table->GetColumnByName(column);
      if (!chunks || chunks->num_chunks() == 0 || chunks->chunk(0)->IsNull(row)) return std::nullopt;
      const auto scalar = chunks->chunk(0)->GetScalar(row);
      check(scalar.status(), file, "read");
      return (*scalar)->ToString();
    };
    for (std::int64_t row = 0; row < table->num_rows(); ++row, ++number) {
      const auto path = text(first, row);
      if (!path) fail("{}: row {} has no {}", file.string(), number, first);
      take({text(index_column, row).value_or(std::to_string(number)), *path, text("label", row).value_or(""),
            text("split", row).value_or("train")});
    }
  }
  return header;
}

}  // namespace bramble
