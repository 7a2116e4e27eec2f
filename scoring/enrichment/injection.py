"""Sees when a text speaks to its reader instead of to us.

A marker list cannot be complete, so nothing rests on it alone: what passes it meets the schema's bounds, the
reader's reach (`reader.py`), the reading's weight and the policy's disagreement rule.
"""

from __future__ import annotations

import re

from scoring.enrichment.preparation import decoded

_ORDER = (
    # ignore/forget … instructions, in the languages of the rubric
    r"\b(ignore|disregard|forget|override|bypass)\b[^.!?]{0,40}"
    r"\b(instructions?|prompts?|rules?|guidelines?|directives?|above)\b",
    r"\b(ignorier\w*|missachte\w*|vergiss|vergessen sie)\b[^.!?]{0,50}"
    r"\b(anweisung\w*|regeln?|vorgaben?|instruktion\w*)\b",
    r"\b(ignore[zr]?|oublie[zr]?)\b[^.!?]{0,40}\b(instructions?|consignes?|règles?)\b",
    r"\b(ignora|ignore|olvida|olvide|haz caso omiso)\b[^.!?]{0,50}\b(instrucciones|reglas|indicaciones)\b",
    r"\b(ignore|esqueça|desconsidere)\b[^.!?]{0,50}\b(instruções|regras)\b",
    r"\b(ignora|dimentica)\b[^.!?]{0,50}\b(istruzioni|regole)\b",
    r"(निर्देश|नियम)[^.!?]{0,40}(अनदेखा|नज़रअंदाज़|भूल)|(अनदेखा|नज़रअंदाज़)[^.!?]{0,40}(निर्देश|नियम)",
    r"(忽略|无视|忘记)[^.!?]{0,20}(指令|指示|规则|提示)|(指示|命令|ルール)[^.!?]{0,12}(無視|忘れ)",
    r"(игнорируй\w*|забудь\w*)[^.!?]{0,40}(инструкц\w*|правил\w*|указани\w*)",
    # a new role, or the reader's own machinery
    r"\byou are (now|no longer)\b|\bfrom now on,? you\b",
    r"\bact as (an?|the)\b[^.!?]{0,30}\b(ai|assistant|model|scorer|system)\b",
    r"\b(system|developer|hidden) (prompt|message|instructions?)\b|^\s*(system|assistant|developer)\s*:",
    r"\b(reveal|print|repeat|show|output)\b[^.!?]{0,30}\b(your|system)\b[^.!?]{0,20}\b(prompt|instructions)\b",
    r"\b(note|message|instructions?|attention)\b[^.!?]{0,15}\b(to|for)\b[^.!?]{0,16}"
    r"\b(ai|llm|language model|scorer|bot)\b",
    # the answer dictated
    r"\b(set|give|assign|return|output|answer|respond|reply)\b[^.!?]{0,40}"
    r"\b(score|intent|confidence|tier)\b[^.!?]{0,25}(\d|hot|high|max|ready)",
    r"\b(score|rate|rank|classify|mark|qualify|treat)\b[^.!?]{0,8}\b(this|me|us|my|the|it)\b[^.!?]{0,30}"
    r"(\b\d{2,3}\b|\bhot\b|\bhighest\b|\bmaximum\b|ready.to.buy)",
    r"[\"']?\b(score|intent|confidence|next_step)\b[\"']?\s*[:=]\s*[\"']?(\d|ready|immediate)",
    r"\b(bewerte|setze|gib)\b[^.!?]{0,40}\b(100|höchst\w*|maximal\w*)\b",
    r"\b(note|score|puntuación|puntaje|pontuação|punteggio)\b[^.!?]{0,15}\b(de|a|à|di)?\s?100\b",
)
_MARKER = re.compile("|".join(f"(?:{order})" for order in _ORDER), re.I | re.M | re.S)
_SENTENCE = re.compile(r"(?<=[.!?。！？।\n])\s*")


def speaks_to_reader(text: str) -> bool:
    """Whether the prepared text tries to instruct its reader, also inside base64."""
    return _MARKER.search(decoded(text)) is not None


def without_orders(text: str) -> str:
    """The sentences that do not; empty where the order runs across sentences."""
    kept = " ".join(part for part in _SENTENCE.split(text) if part and not speaks_to_reader(part))
    return "" if speaks_to_reader(kept) else kept
