"""What the page takes for granted: an environment, here a small one, and an observation."""

import gymnasium

MyEnvironment = lambda: gymnasium.make("CartPole-v1", max_episode_steps=10)  # noqa: E731
observation = MyEnvironment().reset(seed=0)[0]
