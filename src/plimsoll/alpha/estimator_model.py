"""A scikit-learn classifier in memory as a model, by its protocol; scikit-learn itself is not imported (H4)."""

from __future__ import annotations

from typing import Any

import numpy as np

from plimsoll.alpha.advice import ACTIONS
from plimsoll.alpha.observation import SIZE
from plimsoll.core.errors import InputError
from plimsoll.core.intraday import Floats


def actions_of(classes: Any) -> tuple[str, ...]:
    """Actions of a classifier's classes, which are names or numbers 0 to 2; ``InputError`` for any other."""
    named = []
    for value in np.asarray(classes).tolist():
        whole = isinstance(value, int | float) and not isinstance(value, bool) and value in (0, 1, 2)
        if not (whole or value in ACTIONS):
            raise InputError(f"the model has a class {value!r}", "Train it on HOLD, BUY and SELL, or on 0, 1 and 2")
        named.append(ACTIONS[int(value)] if whole else str(value))
    return tuple(named)


def likeliest(scores: Floats, actions: tuple[str, ...]) -> tuple[str, float]:
    """The action of the largest probability, the first of ``ACTIONS`` on ties; probability NaN if any is not finite."""
    if not np.isfinite(scores).all():
        return "HOLD", float("nan")
    best = max(range(len(actions)), key=lambda n: (scores[n], -ACTIONS.index(actions[n])))
    return actions[best], float(scores[best])


class EstimatorModel:
    """A fitted classifier of 26 features with ``predict_proba``, such as a scikit-learn pipeline.

    Raises
    ------
    InputError : it gives no probabilities, or was fitted on other features or other classes.
    """

    def __init__(self, estimator: Any, name: str = "") -> None:
        kind = type(estimator).__name__
        if not callable(getattr(estimator, "predict_proba", None)) or not hasattr(estimator, "classes_"):
            raise InputError(f"{kind} is not a fitted classifier with probabilities", "Fit one that has predict_proba")
        features = getattr(estimator, "n_features_in_", SIZE)
        if features != SIZE:
            raise InputError(f"{kind} was fitted on {features} features", f"Fit it on the {SIZE} of the observation")
        self.name = name or kind
        self._estimator, self._actions = estimator, actions_of(estimator.classes_)

    def answer(self, observation: Floats) -> object:
        """The most probable class and its probability."""
        scores = np.asarray(self._estimator.predict_proba(observation[np.newaxis, :]), dtype=np.float64)
        if scores.shape != (1, len(self._actions)):
            return None
        return likeliest(scores[0], self._actions)
