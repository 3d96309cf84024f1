"""`fallline ars --replay`: rolls out a policy that is there, and films it."""

from pathlib import Path
from typing import Any

from fallline.cli.output import figures, give, say
from fallline.core.errors import FalllineError


def replay_run(
    path: Path, environment: str | None, episodes: int, seed: int, workers: int | None, video: Path | None, json: bool
) -> int:
    """Roll out a policy file or the policy of a run folder, and say its return; returns the exit code."""
    from fallline.control.folder import POLICY
    from fallline.control.policy import load_policy
    from fallline.control.replay import film, replay_policy

    if episodes < 1:
        raise FalllineError(f"--episodes {episodes} is no number of episodes: expected 1 or more")
    policy = load_policy(path / POLICY if path.is_dir() else path)
    for sentence in policy.differing_versions():
        say(f"warning: {sentence}")
    found = replay_policy(policy, environment, episodes=episodes, seed=seed, workers=workers)
    document: dict[str, Any] = {
        "policy": str(path),
        "environment": environment or policy.facts.name,
        "score": found.mean,
        "deviation": found.deviation,
        "episodes": len(found.returns),
        "failures": found.failures,
        "returns": list(found.returns),
        "lengths": list(found.lengths),
        "trained": policy.notes,
        "versions": policy.facts.versions,
    }
    if video is not None:
        document["video"], document["video_return"] = str(video), film(policy, video, environment, seed=seed)
    if json:
        give(document)
    else:
        say(
            f"{document['environment']}: return {figures(found.mean)} +- {figures(found.deviation)}, {episodes} fresh episodes."
        )
        if video is not None:
            say(f"Filmed an episode of return {figures(document['video_return'])} to {video}.")
    return 0
