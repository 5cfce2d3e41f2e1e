"""The guess whether a text is a credential that was put in the wrong place: a message about it then
leaves it out.
"""

import re
from typing import Final

_RANDOM_WORD: Final = (
    r"(?=[A-Za-z0-9]*[0-9])(?=[A-Za-z0-9]*[a-z])(?=[A-Za-z0-9]*[A-Z])[A-Za-z0-9]{12}"
    r"|(?=[a-z0-9]*[0-9])(?=[a-z0-9]*[a-z])[a-z0-9]{20}"
)
_MAX_SHOWN: Final = 200
# Each look-ahead is bounded for linear time: it is tried at every character of a long word.
_TOO_RANDOM: Final = (
    r"://[^/\s]*@"  # URL with credentials
    r"|(?=[A-Za-z0-9_+]*[0-9])(?=[A-Za-z0-9_+]*[A-Za-z])[A-Za-z0-9_+]{12}"  # letters and digits
    r"|(?=\S{0,80}[0-9])(?=\S{0,80}[a-z])(?=\S{0,80}[A-Z])\S{8}"  # digits, lower and upper case
    # letters, digits and unusual signs
    r"|(?=\S{0,80}[0-9])(?=\S{0,80}[A-Za-z])(?=\S{0,80}[^\w\s./:-])\S{8}"
    # the same with hyphens, as in a UUID
    r"|(?=\S{0,80}[0-9])(?=\S{0,80}[A-Za-z])[A-Za-z0-9_+-]{20}"
    r"|(?=\S{0,80}[a-z])(?=\S{0,80}[A-Z])[A-Za-z0-9_+/=-]{20}"  # lower and upper case, as in base64
    r"|[A-Za-z0-9_+/=-]{32}"
)


def could_be_credential(text: str) -> bool:
    """Whether ``text`` may be, or contain, a token, a password or an URL with one: too long, or too
    random a word.
    """
    return len(text) > _MAX_SHOWN or re.search(_TOO_RANDOM, text) is not None


def has_random_word(text: str) -> bool:
    """Whether a word of ``text`` looks like a key. A suggestion may be longer than a value that is
    shown, for names of repositories are: it is made of a value that may be a credential.
    """
    return re.search(_RANDOM_WORD, text) is not None
