"""Kinds of findings that lack a property, and what their check says of each."""

from typing import ClassVar

from fallline.diagnosis.base import Kind, Remedy


class Sound(Kind):
    """Finds a run that has diverged."""

    title: ClassVar = "divergence"
    subject: ClassVar = "learning rate"
    measures: ClassVar = "how the run ended"

    def judge(self, evidence):
        if evidence.outcome != "diverged":
            return None
        return self.found("the loss was not finite", "the rate", 1.0, {}, advice="lower the rate")


class Untitled(Sound):
    """Has no title."""

    title: ClassVar = ""


class Needy(Sound):
    """Needs what no evidence holds."""

    needs: ClassVar = ("horoscope",)


class Alarming(Sound):
    """Finds something everywhere."""

    def judge(self, evidence):
        return self.found("a run was trained", "somebody", 0.5, {}, advice="do not")


class Hasty(Sound):
    """Reads a second epoch that a run may lack."""

    def judge(self, evidence):
        return None if evidence.history["train_loss"][1] < 10 else super().judge(evidence)


class Beyond(Sound):
    """Names an epoch after the end."""

    def judge(self, evidence):
        if evidence.outcome != "diverged":
            return None
        return self.found("the loss was not finite", "the rate", 1.0, {}, epoch=1000, advice="lower the rate")


class Speechless(Sound):
    """Leaves the cause out."""

    def judge(self, evidence):
        return (
            None if evidence.outcome != "diverged" else self.found("it is lost", "", 1.0, {}, advice="lower the rate")
        )


class Helpless(Sound):
    """Knows a remedy that changes nothing, and no advice."""

    def judge(self, evidence):
        if evidence.outcome != "diverged":
            return None
        same = Remedy("the same again", {"epochs": evidence.recipe.epochs})
        return self.found("the loss was not finite", "the rate", 1.0, {}, remedies=[same])


WRONG = [
    (Untitled(), "described", "its title is empty"),
    (Needy(), "described", "it needs 'horoscope'"),
    (Alarming(), "silent_on_health", "in a healthy classification it finds: a run was trained"),
    (Hasty(), "unshaken", "for one epoch it raises IndexError"),
    (Beyond(), "reported", "it names epoch 1000 of"),
    (Speechless(), "reported", "it gives no evidence or no cause"),
    (Helpless(), "remedied", "for divergence it names neither"),
]
