#include "bramble/model/depthwise_loops.hpp"

#include <algorithm>
#include <array>

#include "bramble/model/depthwise_taps.hpp"
#include "bramble/model/lane.hpp"
#include "bramble/model/omp_tasks.hpp"

namespace bramble {
namespace {

// Pixels of a channels-last picture lie far apart, often so that they fight for the same cache lines, and every one is
// read k² times: the loops work on copies of some channels of a band of rows, in one piece.
constexpr std::int64_t kBlock = kDepthwiseBlock, kLanes = kBlock / kLane;
constexpr std::int64_t kBandPixels = 2048;  // a quarter of a megabyte, input and gradient together half of one

std::int64_t band_of(PictureShape shape) { return std::max<std::int64_t>(4, kBandPixels / shape.width); }
std::int64_t bands_of(PictureShape shape) { return (shape.height + band_of(shape) - 1) / band_of(shape); }
std::int64_t blocks_of(PictureShape shape) { return (shape.channels + kBlock - 1) / kBlock; }

// --- copies ---

// Rows [begin, end) of a picture, kBlock channels from c on, with zeros around each: [rows, before + width + behind,
// kBlock]; the channels beyond the picture's are not written. read(i, c): a lane of the picture's number i, channel c.
template <typename Read>
void copy_rows(const Read& read, PictureShape shape, std::int64_t sample, std::int64_t begin, std::int64_t end,
               std::int64_t c, const Columns& columns, std::vector<float>& lines) {
  constexpr std::int64_t kAhead = 12;  // pixels, until the memory has answered
  const std::int64_t length = columns.before + shape.width + columns.behind,
                     lanes = std::min(kLanes, (shape.channels - c) / kLane);
  lines.resize(static_cast<std::size_t>(std::max<std::int64_t>(end - begin, 0) * length * kBlock));
  float* to = lines.data();
  for (std::int64_t y = begin; y < end; ++y) {
    std::fill_n(to, columns.before * kBlock, 0.0F);
    to += columns.before * kBlock;
    std::int64_t at = (sample * shape.height + y) * shape.width * shape.channels + c;
    const auto copy = [&](auto all) {
      for (std::int64_t x = 0; x < shape.width; ++x, at += shape.channels, to += kBlock) {
        read.prefetch(at + kAhead * shape.channels, lanes);
        for (std::int64_t lane = 0; lane < (all.value ? kLanes : lanes); ++lane)
          store(to + lane * kLane, read(at + lane * kLane, c + lane * kLane));
      }
    };
    if (lanes == kLanes)
      copy(std::true_type());
    else
      copy(std::false_type());
    std::fill_n(to, columns.behind * kBlock, 0.0F);
    to += columns.behind * kBlock;
  }
}

void prefetch(const float* from, std::int64_t lanes) {
  for (std::int64_t k = 0; k < lanes * kLane; k += 16) __builtin_prefetch(from + k);
}

struct ReadPlain {
  const float* x;
  void prefetch(std::int64_t i, std::int64_t lanes) const { bramble::prefetch(x + i, lanes); }
  Lane operator()(std::int64_t i, std::int64_t) const { return load(x + i); }
};
template <Activation kKind>
struct ReadNormalised {
  const float *x, *scale, *shift;
  void prefetch(std::int64_t i, std::int64_t lanes) const { bramble::prefetch(x + i, lanes); }
  Lane operator()(std::int64_t i, std::int64_t c) const {
    return activated<kKind>(load(x + i) * load(scale + c) + load(shift + c));
  }
};
template <Activation kKind>
struct ReadSlope {
  const float *slope, *y, *scale, *shift, *of_y, *rest;
  void prefetch(std::int64_t i, std::int64_t lanes) const {
    bramble::prefetch(slope + i, lanes);
    bramble::prefetch(y + i, lanes);
  }
  Lane operator()(std::int64_t i, std::int64_t c) const {
    const Lane value = load(y + i), factor = load(scale + c);
    return factor * passed<kKind>(load(slope + i), value * factor + load(shift + c)) +
           (load(of_y + c) * value + load(rest + c));
  }
};

// Calls work with how the pixels are to be read.
template <typename Work>
void with_reader(const DepthwiseInput& input, const Work& work) {
  if (!input.norm) return work(ReadPlain{input.x});
  with_kind(input.activation, [&](auto kind) {
    work(ReadNormalised<kind.value>{input.x, input.norm->scale(), input.norm->shift()});
  });
}
template <typename Work>
void with_reader(const DepthwiseSlope& slope, const Work& work) {
  if (!slope.norm) return work(ReadPlain{slope.slope});
  with_kind(slope.activation, [&](auto kind) {
    work(ReadSlope<kind.value>{slope.slope, slope.y, slope.norm->scale(), slope.norm->shift(),
                               slope.gradient->of_x.data(), slope.gradient->rest.data()});
  });
}

// --- sums of products ---

// Calls work with the number of taps as a constant.
template <typename Work>
void with_taps(int taps, const Work& work) {
  switch (taps) {
    case 5:
      return work(std::integral_constant<int, 5>());
    case 4:
      return work(std::integral_constant<int, 4>());
    case 3:
      return work(std::integral_constant<int, 3>());
    case 2:
      return work(std::integral_constant<int, 2>());
    case 1:
      return work(std::integral_constant<int, 1>());
    default:
      return work(std::integral_constant<int, 0>());
  }
}
// work(how many lanes as a constant, first channel) for all lanes of a block, kMost, two or one at once.
template <int kMost, typename Work>
void for_lanes(std::int64_t lanes, const Work& work) {
  std::int64_t lane = 0;
  if constexpr (kMost > 2)
    for (; lane + kMost <= lanes; lane += kMost) work(std::integral_constant<int, kMost>(), lane * kLane);
  for (; lane + 2 <= lanes; lane += 2) work(std::integral_constant<int, 2>(), lane * kLane);
  if (lane < lanes) work(std::integral_constant<int, 1>(), lane * kLane);
}

// sums(j · step) (+)= Σ lines(j · source_step + offset) · tap, for kWide lanes of channels. first: no sums yet.
template <int kTaps, int kWide>
void add_taps(const ColumnPhase& phase, const float* line, const float* taps, bool first, float* sums) {
  Lane tap[kTaps + 1][kWide];
  const float* from[kTaps + 1];
  for (int t = 0; t < kTaps; ++t) {
    from[t] = line + phase.offset[static_cast<std::size_t>(t)] * kBlock;
    for (int i = 0; i < kWide; ++i)
      tap[t][i] = load(taps + phase.kernel[static_cast<std::size_t>(t)] * kBlock + i * kLane);
  }
  float* to = sums + phase.first * kBlock;
  const std::int64_t step = phase.step * kBlock, source_step = phase.source_step * kBlock;
  const auto run = [&](auto is_first) {
    for (std::int64_t j = 0; j < phase.count; ++j, to += step) {
      Lane sum[kWide];
      for (int i = 0; i < kWide; ++i) sum[i] = is_first.value ? Lane{} : load(to + i * kLane);
      for (int t = 0; t < kTaps; ++t)
        for (int i = 0; i < kWide; ++i) sum[i] += load(from[t] + j * source_step + i * kLane) * tap[t][i];
      for (int i = 0; i < kWide; ++i) store(to + i * kLane, sum[i]);
    }
  };
  if (first)
    run(std::true_type());
  else
    run(std::false_type());
}
// A row of results. lines: rows from `low` on, as copy_rows made them; taps: [k, k, kBlock]; sums: [width, kBlock].
void convolve_row(const std::vector<RowTap>& rows, std::int64_t low, const Columns& columns, std::int64_t length,
                  const std::vector<float>& lines, const std::vector<float>& taps, std::int64_t kernel,
                  std::int64_t lanes, std::vector<float>& sums) {
  if (rows.empty()) return void(std::fill(sums.begin(), sums.end(), 0.0F));
  bool first = true;
  for (const RowTap row : rows) {
    const float* const line = lines.data() + ((row.from - low) * length + columns.before) * kBlock;
    const float* const weights = taps.data() + row.kernel * kernel * kBlock;
    for (const ColumnPhase& phase : columns.phases)
      with_taps(phase.taps, [&](auto count) {
        for_lanes<2>(lanes, [&](auto wide, std::int64_t c) {
          add_taps<count.value, wide.value>(phase, line + c, weights + c, first, sums.data() + c);
        });
      });
    first = false;
  }
}

// Into a picture whose pixels lie `channels` apart.
void store_row(const std::vector<float>& sums, std::int64_t width, std::int64_t channels, std::int64_t lanes,
               float* to) {
  const float* from = sums.data();
  for (std::int64_t x = 0; x < width; ++x, from += kBlock, to += channels)
    for (std::int64_t k = 0; k < lanes * kLane; k += kLane) store(to + k, load(from + k));
}

// total(t) += Σ_j slope(j) · pixel(j · source_step + offset[t]), for kWide lanes; the sums of a row stay in registers.
template <int kTaps, int kWide>
void add_tap_slopes(const ColumnPhase& phase, const float* line, const float* slopes, float* total) {
  Lane sum[kTaps + 1][kWide] = {};
  const float* from[kTaps + 1];
  for (int t = 0; t < kTaps; ++t) from[t] = line + phase.offset[static_cast<std::size_t>(t)] * kBlock;
  const std::int64_t source_step = phase.source_step * kBlock;
  for (std::int64_t j = 0; j < phase.count; ++j)
    for (int i = 0; i < kWide; ++i) {
      const Lane slope = load(slopes + j * kBlock + i * kLane);
      for (int t = 0; t < kTaps; ++t) sum[t][i] += slope * load(from[t] + j * source_step + i * kLane);
    }
  for (int t = 0; t < kTaps; ++t)
    for (int i = 0; i < kWide; ++i) {
      float* const to = total + phase.kernel[static_cast<std::size_t>(t)] * kBlock + i * kLane;
      store(to, load(to) + sum[t][i]);
    }
}
void copy_taps(const float* taps, std::int64_t count, std::int64_t channels, std::int64_t c, std::vector<float>& to) {
  for (std::int64_t k = 0; k < count; ++k)
    std::copy_n(taps + k * channels + c, std::min(kBlock, channels - c), to.data() + k * kBlock);
}

// A band of rows of some channels of a sample: what a thread works on at once.
struct Band {
  std::int64_t part;  // of the picture: sample · bands + band
  std::int64_t sample, begin, end, c, lanes;
};
Band band_of_task(PictureShape shape, std::int64_t task) {
  const std::int64_t blocks = blocks_of(shape), bands = bands_of(shape), part = task / blocks,
                     c = task % blocks * kBlock, begin = part % bands * band_of(shape);
  return {part,  part / bands,
          begin, std::min(shape.height, begin + band_of(shape)),
          c,     std::min(kLanes, (shape.channels - c) / kLane)};
}
std::int64_t tasks_of(PictureShape shape) { return shape.samples * bands_of(shape) * blocks_of(shape); }

// The picture in which channel c of the input lies, and its number there.
struct Side {
  bool behind;
  PictureShape shape;
  std::int64_t c;
};
Side side_of(const DepthwiseInput& input, PictureShape in, std::int64_t c) {
  if (!input.more) return {false, in, c};
  if (c < input.split) return {false, {in.samples, input.split, in.height, in.width}, c};
  return {true, {in.samples, in.channels - input.split, in.height, in.width}, c - input.split};
}
template <typename Read>
void copy_input(Read read, const DepthwiseInput& input, PictureShape in, std::int64_t sample, std::int64_t begin,
                std::int64_t end, std::int64_t c, const Columns& columns, std::vector<float>& lines) {
  const Side side = side_of(input, in, c);
  if (side.behind) read.x = input.more;
  copy_rows(read, side.shape, sample, begin, end, side.c, columns, lines);
}

// Mean and sum of squared differences of some pixels, and more pixels row by row.
struct RowMoments {
  std::int64_t count = 0;
  std::array<float, kBlock> mean{}, squares{};

  void add(const float* row, std::int64_t width, std::int64_t lanes) {
    const float share = 1.0F / static_cast<float>(width),
                weight = static_cast<float>(width) / static_cast<float>(count + width);
    for (std::int64_t k = 0; k < lanes * kLane; k += kLane) {
      Lane sum = {}, squared = {};
      for (std::int64_t x = 0; x < width; ++x) sum += load(row + x * kBlock + k);
      const Lane middle = sum * share;
      for (std::int64_t x = 0; x < width; ++x) {
        const Lane apart = load(row + x * kBlock + k) - middle;
        squared += apart * apart;
      }
      const Lane before = load(mean.data() + k), apart = middle - before;
      store(mean.data() + k, before + apart * weight);
      store(squares.data() + k,
            load(squares.data() + k) + squared + apart * apart * (weight * static_cast<float>(count)));
    }
    count += width;
  }
};

}  // namespace

Moments depthwise_forward(const DepthwiseInput& input, PictureShape in, const float* taps, std::int64_t kernel,
                          const DepthwiseGeometry& geometry, float* y, PictureShape out, bool wants_moments) {
  const RowTaps rows = forward_rows(out.height, in.height, kernel, geometry);
  const Columns columns = forward_columns(out.width, in.width, kernel, geometry);
  const std::int64_t length = columns.before + in.width + columns.behind;
  std::vector<float> parts;
  std::vector<std::int64_t> counts;
  if (wants_moments) {
    counts.resize(static_cast<std::size_t>(out.samples * bands_of(out)));
    parts.resize(counts.size() * static_cast<std::size_t>(2 * out.channels));
  }
  struct Space {
    std::vector<float> lines, taps, sums;
  };
  const auto make_space = [&] {
    return Space{{},
                 std::vector<float>(static_cast<std::size_t>(kernel * kernel * kBlock)),
                 std::vector<float>(static_cast<std::size_t>(out.width * kBlock))};
  };
  with_reader(input, [&](const auto& read) {
    for_tasks(tasks_of(out), make_space, [&](Space& space, std::int64_t task) {
      const Band band = band_of_task(out, task);
      const auto [low, high] = sources_of(rows, band.begin, band.end);
      copy_input(read, input, in, band.sample, low, high, band.c, columns, space.lines);
      copy_taps(taps, kernel * kernel, in.channels, band.c, space.taps);
      RowMoments moments;
      for (std::int64_t row = band.begin; row < band.end; ++row) {
        convolve_row(rows[static_cast<std::size_t>(row)], low, columns, length, space.lines, space.taps, kernel,
                     band.lanes, space.sums);
        store_row(space.sums, out.width, out.channels, band.lanes,
                  y + (band.sample * out.height + row) * out.width * out.channels + band.c);
        if (wants_moments) moments.add(space.sums.data(), out.width, band.lanes);
      }
      if (!wants_moments) return;
      counts[static_cast<std::size_t>(band.part)] = moments.count;  // the same from every block of channels
      float* const part = parts.data() + 2 * band.part * out.channels + band.c;
      std::copy_n(moments.mean.data(), band.lanes * kLane, part);
      std::copy_n(moments.squares.data(), band.lanes * kLane, part + out.channels);
    });
  });
  return wants_moments ? together(parts, static_cast<std::size_t>(out.channels), counts) : Moments{};
}

namespace {

// What becomes of a row of slopes: let through by the activation in front, summed up for its norm, and stored. kWide
// lanes at once: two are a cache line.
template <Activation kKind, int kWide>
void store_slopes(const float* x, std::int64_t channels, std::int64_t width, const NormTerms& norm, std::int64_t c,
                  const float* row, float* plain, float* product, float* to) {
  Lane scale[kWide], shift[kWide], mean[kWide], sum[kWide], sum_of_products[kWide];
  for (int i = 0; i < kWide; ++i) {
    scale[i] = load(norm.scale() + c + i * kLane);
    shift[i] = load(norm.shift() + c + i * kLane);
    mean[i] = load(norm.mean() + c + i * kLane);
    sum[i] = load(plain + i * kLane);
    sum_of_products[i] = load(product + i * kLane);
  }
  for (std::int64_t pixel = 0; pixel < width; ++pixel, x += channels, to += channels, row += kBlock)
    for (int i = 0; i < kWide; ++i) {
      const Lane value = load(x + i * kLane);
      const Lane g = passed<kKind>(load(row + i * kLane), value * scale[i] + shift[i]);
      sum[i] += g;
      sum_of_products[i] += g * (value - mean[i]);
      store(to + i * kLane, g);
    }
  for (int i = 0; i < kWide; ++i) {
    store(plain + i * kLane, sum[i]);
    store(product + i * kLane, sum_of_products[i]);
  }
}

}  // namespace

DepthwiseGradient depthwise_backward(const DepthwiseInput& input, PictureShape in, const float* taps,
                                     std::int64_t kernel, const DepthwiseGeometry& geometry,
                                     const DepthwiseSlope& slope, PictureShape out, const DepthwiseInputSlope& to_input,
                                     bool wants_taps) {
  const RowTaps rows = transposed(forward_rows(out.height, in.height, kernel, geometry), in.height);
  const Columns columns = backward_columns(out.width, in.width, kernel, geometry),
                pixel_columns = forward_columns(out.width, in.width, kernel, geometry);
  const std::int64_t length = columns.before + out.width + columns.behind,
                     pixel_length = pixel_columns.before + in.width + pixel_columns.behind;
  const auto parts = static_cast<std::size_t>(in.samples * bands_of(in)),
             numbers = static_cast<std::size_t>(2 * in.channels),
             tap_numbers = static_cast<std::size_t>(kernel * kernel * in.channels);
  std::vector<float> sum_parts(input.norm && to_input.x ? parts * numbers : 0),
      tap_parts(wants_taps ? parts * tap_numbers : 0);
  struct Space {
    std::vector<float> slopes, pixels, taps, sums, total;
  };
  const auto make_space = [&] {
    const auto taps_size = static_cast<std::size_t>(kernel * kernel * kBlock);
    return Space{{},
                 {},
                 std::vector<float>(taps_size),
                 std::vector<float>(static_cast<std::size_t>(in.width * kBlock)),
                 std::vector<float>(taps_size)};
  };
  // 1. The slope of what was read: the same convolution, its taps the other way round.
  const auto input_slopes = [&](Space& space, const Band& band, std::int64_t low) {
    copy_taps(taps, kernel * kernel, in.channels, band.c, space.taps);
    std::array<float, kBlock> plain{}, product{};
    for (std::int64_t row = band.begin; row < band.end; ++row) {
      convolve_row(rows[static_cast<std::size_t>(row)], low, columns, length, space.slopes, space.taps, kernel,
                   band.lanes, space.sums);
      const Side side = side_of(input, in, band.c);
      const std::int64_t at = (band.sample * in.height + row) * in.width * side.shape.channels + side.c;
      if (input.norm) {
        with_kind(input.activation, [&](auto kind) {
          for_lanes<2>(band.lanes, [&](auto wide, std::int64_t c) {
            store_slopes<kind.value, wide.value>(input.x + at + c, in.channels, in.width, *input.norm, band.c + c,
                                                 space.sums.data() + c, plain.data() + c, product.data() + c,
                                                 to_input.x + at + c);
          });
        });
      } else {
        store_row(space.sums, in.width, side.shape.channels, band.lanes,
                  (side.behind ? to_input.more : to_input.x) + at);
      }
    }
    if (!input.norm) return;
    float* const part = sum_parts.data() + 2 * band.part * in.channels + band.c;
    std::copy_n(plain.data(), band.lanes * kLane, part);
    std::copy_n(product.data(), band.lanes * kLane, part + in.channels);
  };
  // 2. The slope of the taps: every pixel of the band times the slopes of the results that took it.
  const auto tap_slopes = [&](Space& space, const Band& band, std::int64_t low) {
    std::fill(space.total.begin(), space.total.end(), 0.0F);
    const ColumnPhase& phase = pixel_columns.phases[0];
    for (std::int64_t row = band.begin; row < band.end; ++row)
      for (const RowTap tap : rows[static_cast<std::size_t>(row)]) {
        const float* const line =
            space.pixels.data() + ((row - band.begin) * pixel_length + pixel_columns.before) * kBlock;
        const float* const slopes = space.slopes.data() + ((tap.from - low) * length + columns.before) * kBlock;
        float* const total = space.total.data() + tap.kernel * kernel * kBlock;
        with_taps(phase.taps, [&](auto count) {
          constexpr int kMost = count.value <= 3 ? 4 : 2;  // enough sums at once to hide how long each takes
          for_lanes<kMost>(band.lanes, [&](auto wide, std::int64_t c) {
            add_tap_slopes<count.value, wide.value>(phase, line + c, slopes + c, total + c);
          });
        });
      }
    for (std::int64_t k = 0; k < kernel * kernel; ++k)
      std::copy_n(space.total.data() + k * kBlock, band.lanes * kLane,
                  tap_parts.data() + (band.part * kernel * kernel + k) * in.channels + band.c);
  };
  with_reader(slope, [&](const auto& read_slope) {
    with_reader(input, [&](const auto& read_pixel) {
      for_tasks(tasks_of(in), make_space, [&](Space& space, std::int64_t task) {
        const Band band = band_of_task(in, task);
        const auto [low, high] = sources_of(rows, band.begin, band.end);
        copy_rows(read_slope, out, band.sample, low, high, band.c, columns, space.slopes);
        if (to_input.x) input_slopes(space, band, low);
        if (!wants_taps) return;
        copy_input(read_pixel, input, in, band.sample, band.begin, band.end, band.c, pixel_columns, space.pixels);
        tap_slopes(space, band, low);
      });
    });
  });
  DepthwiseGradient gradient;
  if (!sum_parts.empty()) gradient.slope_sums = sum_of_parts(sum_parts, numbers);
  if (wants_taps) {
    const std::vector<double> sums = sum_of_parts(tap_parts, tap_numbers);
    gradient.to_taps.assign(sums.begin(), sums.end());
  }
  return gradient;
}

}  // namespace bramble
