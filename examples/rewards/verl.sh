#!/bin/sh
# GRPO with verl on the grounded reward. verl imports the function by name from the installed package.
#
#   python examples/rewards/verl_data.py clips.jsonl train.parquet
#   sh examples/rewards/verl.sh train.parquet MODEL CLIPS
#
# compute_score instead of compute_grounded_score is the published reward, 0.8 correctness + 0.2 reasoning present.
# verl decodes without special tokens: a model that marks its reasoning with <|THINK_END|> as a special token needs
# plain <think> tags.
set -e
python3 -m verl.trainer.main_ppo \
  algorithm.adv_estimator=grpo \
  data.train_files="$1" data.val_files="$1" \
  actor_rollout_ref.model.path="$2" \
  actor_rollout_ref.rollout.name=vllm actor_rollout_ref.rollout.n=16 \
  actor_rollout_ref.actor.use_kl_loss=False \
  reward.custom_reward_function.path=pkg://mgrd.rewards \
  reward.custom_reward_function.name=compute_grounded_score \
  +reward.custom_reward_function.reward_kwargs.audio_root="$3"
