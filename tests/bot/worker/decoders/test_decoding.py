"""The decoder, with tiny random models made here: greedy answers must equal those of `generate`."""

import random

import pytest

from bot.errors import BadInput, BadModel, TooLarge, Uncomputable
from bot.models import CHAT
from bot.worker.catalogue import Entry, make_engine

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

ENGINE = "bot.worker.decoders.decoding:Decoder"
TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
STRICT = (
    "{% for message in messages %}"
    "{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('alternate') }}{% endif %}"
    "<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}<|assistant|>"
)
VOCABULARY = 320


def tokenizer_of(template=TEMPLATE):
    """One token for each byte, and a few marks."""
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    model = tokenizers.models.BPE({letter: number for number, letter in enumerate(letters)}, [])
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    marks = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", additional_special_tokens=marks[1:]
    )
    fast.chat_template = template
    return fast


def shape(**fields):
    return {
        "vocab_size": VOCABULARY,
        "eos_token_id": 256,
        "bos_token_id": None,
        "pad_token_id": None,
    } | fields


QWEN = shape(
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=256,
    initializer_range=0.2,
)
MAKERS = {
    "qwen2": lambda: transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**QWEN)),
    "llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**QWEN)),
    "gpt2": lambda: transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            **shape(n_embd=32, n_layer=2, n_head=4, n_positions=256, initializer_range=0.2)
        )
    ),
    "windowed": lambda: transformers.MistralForCausalLM(transformers.MistralConfig(**QWEN, sliding_window=8)),
    "alibi": lambda: transformers.BloomForCausalLM(
        transformers.BloomConfig(**shape(hidden_size=32, n_layer=2, n_head=4, initializer_range=0.2))
    ),
}


def save(model, folder, *, template=TEMPLATE, **generation):
    for name, value in generation.items():
        setattr(model.generation_config, name, value)
    model.save_pretrained(folder)
    tokenizer_of(template).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The folder of a model of each kind, made when it is asked for."""
    made = {}

    def of(kind):
        if kind not in made:
            torch.manual_seed(7)
            made[kind] = save(MAKERS[kind](), tmp_path_factory.mktemp(kind))
        return made[kind]

    return of


def decoder_of(folder, max_tokens=0):
    return make_engine(Entry(CHAT, "tiny", folder, "", max_tokens, ENGINE), 1)


@pytest.fixture
def qwen(folders):
    return decoder_of(folders("qwen2"))


def prompts_of(count, seed=3, longest=40):
    dice = random.Random(seed)
    return [[dice.randrange(256) for _ in range(dice.randint(1, longest))] for _ in range(count)]


def generated(folder, prompts, most_tokens, **choices):
    """What `generate` writes for each prompt alone: the text, and whether it was cut."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = tokenizer_of()
    texts = []
    for prompt in prompts:
        tokens = model.generate(
            torch.tensor([prompt]), max_new_tokens=most_tokens, do_sample=False, pad_token_id=256, **choices
        )[0, len(prompt) :].tolist()
        text = tokenizer.decode(tokens, skip_special_tokens=True).rstrip("�")
        texts.append((text, tokens[-1] != 256))
    return texts


def run(decoder, steps=10_000):
    """All pieces until nothing is asked any more."""
    pieces = []
    for _ in range(steps):
        if not decoder.active:
            break
        pieces += decoder.step()
    return pieces


def texts_of(pieces):
    texts = {}
    for piece in pieces:
        texts[piece.number] = texts.get(piece.number, "") + piece.text
    return texts


def last_of(pieces, number):
    (last,) = [piece for piece in pieces if piece.number == number and piece.is_last]
    return last


@pytest.mark.parametrize("kind", MAKERS)
def test_answers_written_together_equal_those_written_alone(folders, kind):
    decoder = decoder_of(folders(kind))
    decoder.budget = 64
    prompts = prompts_of(12) + prompts_of(2, seed=9, longest=150)
    expected = generated(folders(kind), prompts, 24)
    pieces, waiting = [], list(enumerate(prompts))
    while waiting or decoder.active:
        for number, prompt in waiting[:2]:
            decoder.add(number, prompt, most_tokens=24)
        waiting = waiting[2:]
        pieces += decoder.step()
    texts = texts_of(pieces)
    for number, (text, is_cut) in enumerate(expected):
        assert (texts[number].rstrip("�"), last_of(pieces, number).is_cut) == (text, is_cut)
    assert any(is_cut for _, is_cut in expected)


def test_the_tokens_that_repeat_are_penalised_as_the_model_asks(tmp_path):
    torch.manual_seed(7)
    folder = save(MAKERS["qwen2"](), tmp_path, repetition_penalty=1.7)
    prompts = prompts_of(5)
    decoder = decoder_of(folder)
    for number, prompt in enumerate(prompts):
        decoder.add(number, prompt, most_tokens=20)
    texts = texts_of(run(decoder))
    expected = [text for text, _ in generated(folder, prompts, 20)]
    assert [texts[number].rstrip("�") for number in range(5)] == expected
    assert expected != [text for text, _ in generated(folder, prompts, 20, repetition_penalty=1.0)]


def test_an_answer_ends_at_its_limit_or_at_the_context(folders, qwen):
    qwen.add(1, [5] * 10, most_tokens=20)
    qwen.add(2, [6] * 250, most_tokens=20)
    pieces = run(qwen)
    texts = texts_of(pieces)
    assert texts[1].rstrip("�") == generated(folders("qwen2"), [[5] * 10], 20)[0][0]
    assert texts[2].rstrip("�") == generated(folders("qwen2"), [[6] * 250], 6)[0][0]
    assert last_of(pieces, 1).is_cut
    assert last_of(pieces, 2).is_cut


def test_an_answer_ends_at_any_token_the_model_ends_with(tmp_path):
    torch.manual_seed(7)
    model = MAKERS["qwen2"]()
    written = model.generate(torch.tensor([[5] * 10]), max_new_tokens=20, do_sample=False)[0, 10:].tolist()
    place = next(place for place in range(5, 20) if written[place] not in written[:place])
    decoder = decoder_of(save(model, tmp_path, eos_token_id=[256, written[place]]))
    decoder.add(1, [5] * 10, most_tokens=20)
    pieces = run(decoder)
    text = tokenizer_of().decode(written[:place], skip_special_tokens=True)
    assert texts_of(pieces)[1].rstrip("�") == text.rstrip("�")
    assert not last_of(pieces, 1).is_cut


def test_an_entry_may_shorten_the_context(folders):
    decoder = decoder_of(folders("qwen2"), max_tokens=32)
    assert decoder.context == 32
    with pytest.raises(TooLarge, match="at most 31"):
        decoder.add(1, [1] * 32, most_tokens=5)


@pytest.mark.parametrize("prompt", [[], [VOCABULARY], [-1]])
def test_a_prompt_that_cannot_be_is_refused(qwen, prompt):
    with pytest.raises(BadInput):
        qwen.add(1, prompt, most_tokens=5)
    assert qwen.active == 0


def test_a_long_prompt_is_read_between_the_steps_of_others(folders, qwen):
    qwen.budget = 16
    qwen.add(1, [3] * 5, most_tokens=40)
    qwen.step()
    qwen.add(2, [4] * 200, most_tokens=4)
    qwen.step()
    qwen.add(3, [5] * 5, most_tokens=4)
    steps = [{piece.number for piece in qwen.step()} for _ in range(14)]
    first_of = {
        number: next((i for i, each in enumerate(steps) if number in each), None) for number in (1, 2, 3)
    }
    assert first_of[1] < 3
    assert first_of[3] < 5
    assert first_of[2] is None or first_of[2] > 9
    texts = texts_of(run(qwen))
    assert texts[2].rstrip("�") == generated(folders("qwen2"), [[4] * 200], 4)[0][0]


def test_answers_of_very_different_lengths_are_written_apart(folders, qwen):
    """One long text would make all short ones pay for its length."""
    prompts = [[each + 1] * 4 for each in range(6)] + [[9] * 200]
    qwen._forward.weight_bytes = qwen._forward.column_bytes * 60
    for number, prompt in enumerate(prompts):
        qwen.add(number, prompt, most_tokens=12)
    pieces = [piece for _ in range(6) for piece in qwen.step()]
    assert sorted(len(rows.answers) for rows in qwen._writing) == [1, 6]
    texts = texts_of(pieces + run(qwen))
    expected = [text for text, _ in generated(folders("qwen2"), prompts, 12)]
    assert [texts[number].rstrip("�") for number in range(7)] == expected


def test_a_cancelled_request_leaves_at_the_next_step(folders, qwen):
    qwen.budget = 32
    prompts = prompts_of(10)
    expected = generated(folders("qwen2"), prompts, 16)
    for number, prompt in enumerate(prompts):
        qwen.add(number, prompt, most_tokens=16)
    qwen.cancel(9)
    pieces = qwen.step()
    for number in (0, 3, 4):
        qwen.cancel(number)
    qwen.add(10, [4] * 200, most_tokens=4)
    assert qwen.active == 7
    pieces += qwen.step()
    qwen.cancel(10)
    late = run(qwen)
    assert {piece.number for piece in late} == {1, 2, 5, 6, 7, 8}
    texts = texts_of(pieces + late)
    assert [texts[number].rstrip("�") for number in (1, 2, 5, 6, 7, 8)] == [
        expected[number][0] for number in (1, 2, 5, 6, 7, 8)
    ]
    assert not qwen._waiting
    assert not qwen._reading
    assert not qwen._writing
    qwen.cancel(1)
    qwen.cancel(77)
    assert (qwen.step(), qwen.active) == ([], 0)


def test_random_joins_and_cancellations_leave_nothing_behind(folders, qwen):
    dice = random.Random(5)
    prompts = prompts_of(60, seed=8)
    expected = generated(folders("qwen2"), prompts, 10)
    cancelled, pieces = set(), []
    for number, prompt in enumerate(prompts):
        qwen.add(number, prompt, most_tokens=10)
        if dice.random() < 0.4:
            victim = dice.randrange(number + 1)
            if not any(piece.is_last and piece.number == victim for piece in pieces):
                cancelled.add(victim)
            qwen.cancel(victim)
        for _ in range(dice.randrange(3)):
            pieces += qwen.step()
    pieces += run(qwen)
    texts = texts_of(pieces)
    finished = {piece.number for piece in pieces if piece.is_last}
    assert finished == set(range(60)) - cancelled
    for number in finished:
        assert texts.get(number, "").rstrip("�") == expected[number][0]
    assert (qwen.active, len(qwen._waiting), len(qwen._reading), len(qwen._writing)) == (0, 0, 0, 0)


def test_numbers_that_are_not_finite_fail_one_answer_alone(folders, qwen):
    prompts = [prompt for prompt in prompts_of(20) if 200 not in prompt][:6]
    expected = generated(folders("qwen2"), prompts, 12)
    qwen._forward._model.get_input_embeddings().weight.data[200] = float("nan")
    for number, prompt in enumerate([*prompts[:3], [200, 1], *prompts[3:]]):
        qwen.add(number, prompt, most_tokens=12)
    pieces = run(qwen)
    assert isinstance(last_of(pieces, 3).error, Uncomputable)
    failed = last_of(pieces, 3)
    assert "finite" in str(failed.error)
    texts = texts_of(pieces)
    assert [texts[number].rstrip("�") for number in (0, 1, 2, 4, 5, 6)] == [text for text, _ in expected]
    assert sum(piece.error is not None for piece in pieces) == 1


class Fails:
    """The forward pass of a decoder, which fails when `should` says so of the tokens it is given."""

    def __init__(self, forward, error, should):
        self.forward, self.error, self.should, self.times = forward, error, should, 0

    def __call__(self, tokens, cache, empty):
        if self.should(tokens):
            self.times += 1
            self.forward(tokens, cache, empty)
            raise self.error
        return self.forward(tokens, cache, empty)

    def __getattr__(self, name):
        return getattr(self.forward, name)


def test_a_prompt_that_makes_the_model_fail_fails_alone(folders, qwen):
    prompts = [prompt for prompt in prompts_of(30) if 200 not in prompt][:9]
    expected = generated(folders("qwen2"), prompts, 12)
    qwen._forward = Fails(qwen._forward, ValueError("poison"), lambda tokens: (tokens == 200).any())
    for number, prompt in enumerate([*prompts[:4], [200, 1, 2], *prompts[4:]]):
        qwen.add(number, prompt, most_tokens=12)
    pieces = run(qwen)
    assert str(last_of(pieces, 4).error) == "The model failed on this answer (ValueError)."
    texts = texts_of(pieces)
    others = [number for number in range(10) if number != 4]
    assert [texts[number].rstrip("�") for number in others] == [text for text, _ in expected]
    assert sum(piece.error is not None for piece in pieces) == 1
    assert qwen._forward.times > 1


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("full"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_without_memory_fewer_are_written_at_once(folders, qwen, error):
    prompts = prompts_of(12)
    expected = generated(folders("qwen2"), prompts, 12)
    qwen._forward = Fails(qwen._forward, error, lambda tokens: len(tokens) > 3)
    for number, prompt in enumerate(prompts):
        qwen.add(number, prompt, most_tokens=12)
    pieces = run(qwen)
    assert qwen._forward.times
    assert not [piece for piece in pieces if piece.error]
    texts = texts_of(pieces)
    assert [texts[number].rstrip("�") for number in range(12)] == [text for text, _ in expected]


def test_what_has_no_room_even_alone_fails(qwen):
    qwen._forward = Fails(qwen._forward, torch.OutOfMemoryError("full"), lambda tokens: (tokens == 9).any())
    qwen.add(1, [9, 9], most_tokens=4)
    qwen.add(2, [8, 8], most_tokens=4)
    pieces = run(qwen)
    assert "memory" in str(last_of(pieces, 1).error)
    assert last_of(pieces, 2).error is None


def test_requests_wait_while_there_is_no_room(folders, qwen):
    qwen._room = qwen._full_room = 40.0
    prompts = [[each] * 10 for each in range(1, 7)]
    for number, prompt in enumerate(prompts):
        qwen.add(number, prompt, most_tokens=10)
    qwen.step()
    assert sum(len(rows.answers) for rows in qwen._all()) == 2
    texts = texts_of(run(qwen))
    assert [texts[number].rstrip("�") for number in range(6)] == [
        text for text, _ in generated(folders("qwen2"), prompts, 10)
    ]


def test_each_request_has_its_own_temperature(folders, qwen):
    torch.manual_seed(1)
    prompt = [7, 8, 9]
    for number, temperature in enumerate([0.0, 2.0, 2.0, 0.0]):
        qwen.add(number, prompt, most_tokens=20, temperature=temperature)
    texts = texts_of(run(qwen))
    assert texts[0].rstrip("�") == texts[3].rstrip("�") == generated(folders("qwen2"), [prompt], 20)[0][0]
    assert len({texts[0], texts[1], texts[2]}) == 3


@pytest.mark.parametrize("kind", ["bert", "mamba"])
def test_a_model_that_keeps_no_keys_and_values_is_refused(tmp_path, kind):
    torch.manual_seed(0)
    if kind == "bert":
        config = transformers.BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            initializer_range=0.2,
        )
        model = transformers.BertLMHeadModel(config)
    else:
        config = transformers.MambaConfig(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2)
        model = transformers.MambaForCausalLM(config)
    with pytest.raises(BadModel, match=r"keeps no keys|does not write"):
        decoder_of(save(model, tmp_path))


def test_a_model_of_another_kind_is_refused(tmp_path):
    config = transformers.T5Config(
        vocab_size=VOCABULARY, d_model=32, d_ff=32, num_layers=1, num_heads=2, d_kv=16
    )
    save(transformers.T5ForConditionalGeneration(config), tmp_path)
    with pytest.raises(BadModel, match="t5 model, which does not chat"):
        decoder_of(tmp_path)


def test_weights_that_lack_a_layer_are_refused(tmp_path):
    folder = save(MAKERS["qwen2"](), tmp_path)
    config = transformers.AutoConfig.from_pretrained(folder)
    config.num_hidden_layers = 3
    config.layer_types = ["full_attention"] * 3
    config.save_pretrained(folder)
    with pytest.raises(BadModel, match="lack"):
        decoder_of(folder)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # peft asks transformers in an old way
@pytest.mark.parametrize(
    ("kind", "layers"), [("qwen2", ["q_proj", "down_proj"]), ("gpt2", ["c_attn", "c_proj"])]
)
def test_an_adapter_is_part_of_the_model(folders, tmp_path, kind, layers):
    peft = pytest.importorskip("peft")
    torch.manual_seed(1)
    base = transformers.AutoModelForCausalLM.from_pretrained(folders(kind))
    settings = peft.LoraConfig(r=4, lora_alpha=16, target_modules=layers, fan_in_fan_out=kind == "gpt2")
    tuned = peft.get_peft_model(base, settings)
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.2)
    tuned.save_pretrained(tmp_path / "adapter")
    merged = save(tuned.merge_and_unload(), tmp_path / "merged")
    entry = Entry(CHAT, "tiny", folders(kind), "", 0, ENGINE, adapter=tmp_path / "adapter")
    decoder, prompts = make_engine(entry, 1), prompts_of(3)
    for number, prompt in enumerate(prompts):
        decoder.add(number, prompt, most_tokens=12)
    texts = texts_of(run(decoder))
    expected = [text for text, _ in generated(merged, prompts, 12)]
    assert [texts[number].rstrip("�") for number in range(3)] == expected
    assert expected != [text for text, _ in generated(folders(kind), prompts, 12)]
