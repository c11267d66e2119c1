"""What a sentence does in a conversation, told by its form: it asks, decides, agrees or does not know."""

from __future__ import annotations

import re

from bot import stems

CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")

_MARKED = re.compile(r"[?？]\W*$")
_UNMARKED = re.compile(
    r"^(so |and |but |hey |hi |ok |okay |guys |folks )*"
    r"((any|some)(one|body) (know|got|have|tried|able|up for|seen|else)\b"
    r"|(does|do|did|has|have|is|are|can|could|will|would|should) (any|some)(one|body)\b"
    r"|(what|which|who|whose|where|when|why|how)\b.*\b(do|does|did|is|are|was|were|can|could|should"
    r"|would|will)\b"
    r" (i|you|we|they|he|she|it|the|this|that|our|your)\b"
    r"|(can|could|should|shall|may|do|does|did) (i|you|we|they|he|she|it) )",
    re.IGNORECASE,
)
_UNMARKED_CHINESE = re.compile(
    r"(吗|呢|么|不是|没有|与否)[。.!！~～\s]*$|^请问|谁知道|有没有人|怎么办|怎么弄"
)
_STATED_CHINESE = re.compile(r"(那么|这么|什么|怎么)?(多|就)么[。.!！\s]*$|还没有[。.!！\s]*$")
_TAG = re.compile(
    r"\b(right|correct|yeah|yes|ok(ay)?|huh|eh|you know|isn't it|don't you|doesn't it|aren't you"
    r"|won't you)\W*[?？]\W*$"
    r"|(对吧|是吧|对不对|是不是)\W*$",
    re.IGNORECASE,
)
_PLEASANTRY = re.compile(
    r"^(how are (you|things)|how('s| is) it going|how do you do|what'?s up|what's new|you there"
    r"|are you there"
    r"|(is )?(any|every)(one|body) (here|there)|(and |so )?what (did|have) i miss(ed)?|really|right"
    r"|okay|ok|isn't it|you know|see|got it|sorry|pardon"
    r"|what|huh|eh|can you hear me|may i help you|can i help you|what can i do for you|how can i help you"
    r"|在吗|你好吗|是吗|对吗|真的吗|好吗|有人吗|我错过了什么|什么)\W*$",
    re.IGNORECASE,
)

_DECIDED = re.compile(
    r"\b(we|board|team|committee|everyone|group|management|council)('ve|'d| have| has| had)?"
    r"( all| now| just| finally| also| then)* (decided|agreed|settled on|resolved|concluded"
    r"|approved|voted)\b"
    r"|\b(was|were|is|been|it's|that's) (all |now |just |finally |unanimously )?"
    r"(decided|agreed|approved|settled|a deal|final)\b"
    r"|^(decided|agreed|approved|settled|resolved|decision|final decision|conclusion|resolution)\b"
    r"|\b(the|our|my) (final )?(decision|conclusion) (is|was)\b"
    r"|\b(let's|let us|lets|we'll|we will|we're|we are|i'll|i'm) (just |then |all )?"
    r"(go|going|gonna go|stick|sticking) with\b"
    r"|\bwe('re| are) (going|gonna) to? ?(use|ship|move|switch|drop|keep|adopt|launch|postpone|hire"
    r"|buy|start)\b"
    r"|\bwe('ll| will) (now )?(use|ship|move|switch|drop|keep|adopt|launch|postpone|hire|buy|meet"
    r"|start|release)\b"
    r"|\b(motion (is )?(carried|adopted|agreed)|it's a deal|signed off)\b",
    re.IGNORECASE,
)
_DECIDED_CHINESE = re.compile(
    r"决定|拍板|定下来|就这么(定|办)|就定|确定(用|采用|了|为|在)|最终方案|结论(是|：|:)|达成(一致"
    r"|共识)|一致(同意|通过)|通过了"
    r"|(我们|咱们|那|大家)就(用|选|改|按|定|先|去)|(我们|咱们)(采用|选择|选用|改用|改成|改为|推迟|取消)"
)
_PROPOSED = re.compile(
    r"^\W*((ok(ay)?|so|then|well|yes|yeah|i think|maybe|and|but)\W+)*"
    r"(let'?s|let us|shall we|why don't we|how about we|what if we|we should|i (would )?(suggest"
    r"|propose))\b"
    r"|^(那|我)?(就)?(建议|提议|不如|要不)|^(那)?(我们|咱们).{1,30}吧[。!！]?$",
    re.IGNORECASE,
)
_UNDECIDED = re.compile(
    r"\b(not|n't|never|yet to|undecided|haven't|hasn't|before|if|whether|until|once|unless|when"
    r"|should) (\w+ ){0,4}"
    r"(decid|agree|settl|resolv|conclud|approv|cho[so]|vote)"
    r"|\b(have|need|has|had|going|want|wants|trying) to (\w+ )?(decide|agree|settle|choose|vote)\b"
    r"|\b(i|you) (totally |fully |completely |quite )?agreed? (with|that)\b"
    r"|(还|尚|并)?(没有?|未|不)(最终|能)?(决定|确定|定|同意|通过|达成)|(是否|怎么|如何|难以|无法|再"
    r"|等).{0,4}决定|不如",
    re.IGNORECASE,
)
_ASSENT = re.compile(
    r"^\W*(ok(ay)?|yes|yeah|yep|yup|sure|agreed|i agree|deal|done|sounds? (good|great|fine|like)"
    r"|good (idea|plan|point)"
    r"|great( idea)?|perfect|fine|works for me|all right|alright|that works|let's do (it|that)"
    r"|why not|absolutely"
    r"|of course|no problem|exactly|definitely|lgtm|\+1|👍|好的?|行|可以|同意|没问题|赞成|就这样"
    r"|没意见|对)",
    re.IGNORECASE,
)
_ANSWERING = re.compile(
    r"^\W*(yes|yeah|yep|yup|no|nope|nah|not (yet|really)|sure|of course|because|i think|i guess"
    r"|probably|maybe|it's|it is"
    r"|that's|you (can|could|should|need|have)|try|there('s| is| are)|actually|well|have you tried"
    r"|see|i('ll| will| can|'d)"
    r"|是|对|不|有|没|可以|不行|应该|因为|你可以|试试|我来|我觉得|好的?|能)",
    re.IGNORECASE,
)
_IGNORANT = re.compile(
    r"\b(no idea|(do not|don't|dunno|didn't) know|dunno|not sure|no clue|beats me|good question"
    r"|(same|me) (here|too)"
    r"|wondering (the same|too)|have to (check|ask|look)|let me (check|ask|look|see)|i'?ll (check"
    r"|ask|look))\b"
    r"|不知道|不清楚|不确定|没头绪|同问|我也想知道|问一下|问问|查一下|查查",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"^\W*(thanks?( you)?|thx|ty|cheers|got it|great|perfect|i see|makes sense|that (works|worked"
    r"|helps|did it)"
    r"|谢谢|多谢|感谢|明白了?|懂了|知道了|了解|收到)",
    re.IGNORECASE,
)

_INTERROGATIVE = re.compile(
    r"\b(what|which|who|whose|whom|where|when|why|how|do|does|did|is|are|was|were|can|could|shall|should"
    r"|would|will|has|have|had|may|any|anyone|anybody|someone|somebody)\b"
    r"|什么|谁|哪|怎|吗|呢|多少|几|多[久长大]|是否|是不是|有没有|能不能|可不可以|要不要|请问",
    re.IGNORECASE,
)


def is_cjk(text: str) -> bool:
    """Whether a text is written in Chinese, Japanese or Korean."""
    return CJK.search(text) is not None


def asks(sentence: str) -> bool:
    """Whether a sentence asks something that can be answered; greetings and tags ("…, right?") do not."""
    text = sentence.strip()
    if _PLEASANTRY.match(text) or _TAG.search(text) or not stems(text):
        return False
    if _MARKED.search(text) or _UNMARKED.match(text):
        return True
    return bool(is_cjk(text) and _UNMARKED_CHINESE.search(text) and not _STATED_CHINESE.search(text))


def asks_in_full(sentence: str) -> bool:
    """Whether a sentence asks something that can be understood by itself: more than "Nineteenth?"."""
    return asks(sentence) and _INTERROGATIVE.search(sentence) is not None


def decides(sentence: str) -> bool:
    """Whether a sentence states a decision."""
    if _MARKED.search(sentence) or _UNDECIDED.search(sentence):
        return False
    return bool(_DECIDED.search(sentence) or _DECIDED_CHINESE.search(sentence))


def proposes(sentence: str) -> bool:
    """Whether a sentence proposes what becomes a decision when others agree."""
    return bool(_PROPOSED.search(sentence)) and not _UNDECIDED.search(sentence)


def assents(text: str) -> bool:
    """Whether a message begins with agreement."""
    return _ASSENT.match(text) is not None


def answers(text: str) -> bool:
    """Whether a message begins as answers do."""
    return _ANSWERING.match(text) is not None and not knows_not(text)


def knows_not(text: str) -> bool:
    """Whether a message says that its author does not know, or will have to find out."""
    return _IGNORANT.search(text) is not None


def thanks(text: str) -> bool:
    """Whether a message thanks, or says that it understood."""
    return _THANKS.match(text) is not None
