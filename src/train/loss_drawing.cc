#include "train/loss_drawing.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace hearth::train {
namespace {

constexpr double kWidth = 800;
constexpr double kHeight = 480;
constexpr double kLeft = 64;  // of the field that the curves are in
constexpr double kTop = 48;
constexpr double kRight = kWidth - 24;
constexpr double kBottom = kHeight - 48;
constexpr size_t kMostPoints = 1000;

struct Point {
  double step;
  double loss;
};
using Curve = std::vector<Point>;

// A round distance between marks, of which there are about `n`.
double mark_distance(double range, double n) {
  const double power = std::pow(10.0, std::floor(std::log10(range / n)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (power * factor * n >= range) return power * factor;
  }
  return power * 10.0;
}

class Axes {
 public:
  explicit Axes(const std::vector<const Curve*>& curves) {
    for (const Curve* curve : curves) {
      for (const Point& point : *curve) {
        last_step_ = std::max(last_step_, point.step);
        least_ = std::min(least_, point.loss);
        most_ = std::max(most_, point.loss);
      }
    }
    if (!(most_ > least_)) {
      const double middle = std::isfinite(least_) ? least_ : 0.0;
      least_ = middle - 0.5;
      most_ = middle + 0.5;
    }
  }
  double x(double step) const { return kLeft + (kRight - kLeft) * step / last_step_; }
  double y(double loss) const { return kBottom - (kBottom - kTop) * (loss - least_) / (most_ - least_); }

  std::string draw() const {
    std::string svg;
    const double of_loss = mark_distance(most_ - least_, 6);
    for (double loss = std::ceil(least_ / of_loss) * of_loss; loss <= most_; loss += of_loss) {
      svg += fmt::format(
          "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"grid\"/>\n"
          "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{:.4g}</text>\n",
          kLeft, y(loss), kRight, y(loss), kLeft - 8, y(loss) + 4, std::abs(loss) < of_loss / 2 ? 0.0 : loss);
    }
    const double of_steps = std::max(1.0, mark_distance(last_step_, 8));
    for (double step = 0; step <= last_step_; step += of_steps) {
      svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{:.0f}</text>\n", x(step),
                         kBottom + 20, step);
    }
    return svg;
  }

 private:
  double last_step_ = 1;
  double least_ = INFINITY;
  double most_ = -INFINITY;
};

std::string draw_curve(const Axes& axes, const Curve& curve, std::string_view kind) {
  if (curve.empty()) return "";
  std::string points;
  for (const Point& point : curve)
    points += fmt::format("{:.1f},{:.1f} ", axes.x(point.step), axes.y(point.loss));
  points.pop_back();
  return fmt::format("<polyline class=\"{}\" points=\"{}\"/>\n", kind, points);
}

// Groups of neighbours as their means, so that a long run draws as fast as a short one.
Curve thinned(const Curve& curve) {
  if (curve.size() <= kMostPoints) return curve;
  Curve thin;
  for (size_t i = 0; i < kMostPoints; ++i) {
    const size_t begin = i * curve.size() / kMostPoints;
    const size_t end = (i + 1) * curve.size() / kMostPoints;
    Point sum{};
    for (size_t j = begin; j < end; ++j) {
      sum.step += curve[j].step;
      sum.loss += curve[j].loss;
    }
    const auto n = static_cast<double>(end - begin);
    thin.push_back({sum.step / n, sum.loss / n});
  }
  return thin;
}

// A moving average that weighs about the last fiftieth of the run.
Curve smoothed(const Curve& curve) {
  const double keep = 1.0 - 1.0 / std::max(1.0, static_cast<double>(curve.size()) / 50.0);
  Curve smooth;
  double sum = 0;
  double weight = 0;
  for (const Point& point : curve) {
    sum = keep * sum + point.loss;
    weight = keep * weight + 1;
    smooth.push_back({point.step, sum / weight});
  }
  return smooth;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if (static_cast<unsigned char>(c) >= 0x20) {
      out += c;
    }
  }
  return out;
}

constexpr const char* kStyle =
    "<style>text{font:12px sans-serif;fill:#444}.title{font-size:16px;fill:#111}"
    ".grid{stroke:#ddd}polyline{fill:none;stroke-width:1.5}.each{stroke:#c9d8ee;stroke-width:1}"
    ".train{stroke:#1f5fbf}.held{stroke:#c2410c}</style>\n";

}  // namespace

std::string draw_losses(const std::string& title, std::span<const LogEntry> entries) {
  Curve train;
  Curve held_out;
  for (const LogEntry& entry : entries) {
    const auto step = static_cast<double>(entry.step.step);
    if (std::isfinite(entry.step.loss)) train.push_back({step, entry.step.loss});
    if (entry.held_out_loss && std::isfinite(*entry.held_out_loss))
      held_out.push_back({step, *entry.held_out_loss});
  }
  const Curve smooth = thinned(smoothed(train));
  train = thinned(train);
  const Axes axes({&train, &held_out});
  const auto label = [](double x, std::string_view kind, std::string_view text) {
    return fmt::format(
        "<polyline class=\"{}\" points=\"{:.0f},34 {:.0f},34\"/>\n<text x=\"{:.0f}\" y=\"38\">{}</text>\n",
        kind, x, x + 24, x + 30, text);
  };
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
             "height=\"{1:.0f}\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
             kWidth, kHeight) +
         kStyle +
         fmt::format("<text class=\"title\" x=\"{:.0f}\" y=\"20\">{}</text>\n", kLeft, escaped(title)) +
         label(kLeft, "train", "training") + label(kLeft + 120, "held", "held out") + axes.draw() +
         fmt::format(
             "<text x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"end\">loss in nats a token, over steps</text>\n",
             kRight, kHeight - 10) +
         draw_curve(axes, train, "each") + draw_curve(axes, smooth, "train") +
         draw_curve(axes, held_out, "held") + "</svg>\n";
}

}  // namespace hearth::train
