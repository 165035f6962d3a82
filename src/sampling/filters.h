// The stages that take candidates away, and those that flatten what is left. Each leaves at least one, the
// most probable where nothing else is said. `candidates` must hold at least one.
#pragma once

#include "sampling/candidates.h"

namespace hearth::sampling {

// Those within n standard deviations of the logits below the highest. Source: arXiv:2411.07641.
void keep_top_n_sigma(Candidates& candidates, double n);

// Locally typical sampling: those whose surprise is nearest to the entropy, until they reach the share p.
// Source: arXiv:2202.00666.
void keep_typical(Candidates& candidates, double p);

// Nucleus sampling: the most probable ones that together reach the share p. Source: arXiv:1904.09751.
void keep_top_p(Candidates& candidates, double p);

// Those that have at least the share p of the most probable one's probability. Source: arXiv:2407.01082.
void keep_min_p(Candidates& candidates, double p);

// Exclude Top Choices: of those whose probability is at least `threshold`, only the least probable stays.
// With one of them or none nothing changes. Source: text-generation-webui, pull request 6335.
void exclude_top_choices(Candidates& candidates, double threshold);

// Divides the logits by a temperature between temperature - range and temperature + range (at least 0) that
// grows with the entropy's share of its maximum to the power of `exponent`: a model that is sure is not
// disturbed. Source: koboldcpp, pull request 464.
void apply_dynamic_temperature(Candidates& candidates, double temperature, double range, double exponent);

}  // namespace hearth::sampling
