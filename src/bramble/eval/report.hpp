#pragma once
#include <filesystem>

#include "bramble/eval/evaluation.hpp"

namespace bramble {

struct ReportOptions {
  std::size_t figures = 8;  ///< frames shown; 0: none
};

/// Writes the report folder; index.html comes last, so a report that has it is whole:
///   index.html    everything on one page, nothing loaded from elsewhere (light and dark)
///   metrics.json  metrics.csv  the numbers (evaluation.hpp)
///   metrics.tex   the class table in LaTeX
///   figures.png   picture sheet: image | truth | each model
/// The same evaluation gives the same bytes.
void write_report(const std::filesystem::path& folder, const Evaluation& evaluation,
                  const std::vector<Predictor>& predictors, const Dataset& dataset, const ReportOptions& options = {});

}  // namespace bramble
