"""The one place that knows which adapter speaks which wire."""

from activities.llm.chat import ChatModel
from activities.llm.claude import ClaudeModel
from activities.llm.model import LanguageModel, Profile, Wire
from activities.llm.responses import ResponsesModel


def make_model(profile: Profile) -> LanguageModel:
    match profile.wire:
        case Wire.RESPONSES:
            return ResponsesModel(profile)
        case Wire.CHAT:
            return ChatModel(profile)
        case Wire.CLAUDE:
            return ClaudeModel(profile)
