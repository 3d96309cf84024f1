"""Findings that follow whenever a network has not learnt, whatever the reason."""

# Any cause of a failure to learn explains these.
POOR = (
    "worse_than_baseline", "underfits", "never_predicted", "segment_missed", "imbalance", "miscalibrated", "stopped_early",
    "few_steps", "noisy_batch", "penalty_strong", "dropout_strong", "bounded_target", "as_numbers",
)  # fmt: skip
