"""Callbacks: begin, epoch, trial and end of a training or a search; they log it elsewhere, or stop it."""

from fallline.callbacks.base import Begun as Begun
from fallline.callbacks.base import Callback as Callback
from fallline.callbacks.base import Ended as Ended
from fallline.callbacks.mlflow import MLflow as MLflow
from fallline.callbacks.tensorboard import TensorBoard as TensorBoard
