"""Plants one flaw in a sound trace; deterministic, so no text of the source file needs copying.

plant(kind, how, think, response, choices, answer) -> (completion, finish_reason)
`think` and `response` are the real row's `trace` and `predicted`, `choices` and `answer` its own.
"""

import random
import re
import zlib

FIRST, MID, LAST = "first", "mid", "last"


def _rng(*parts):
    return random.Random(zlib.crc32("\x00".join(parts).encode()))


def _block(think, response):
    return f"<think>{think}</think>{response}"


def _paragraphs(think):
    return [p for p in think.split("\n\n") if p.strip()]


def _sentences(text):
    return [s for s in re.split(r"(?<=[.!?])\s+(?=[A-Z\"])", text.strip()) if s]


def _body_and_end(think):
    """The reasoning and its closing answer line (the last paragraph where it is short)."""
    parts = _paragraphs(think)
    if len(parts) > 1 and len(parts[-1]) < 300 and "answer" in parts[-1].lower():
        return "\n\n".join(parts[:-1]), parts[-1]
    sentences = _sentences(parts[-1])
    if len(sentences) > 1:
        parts[-1] = " ".join(sentences[:-1])
        return "\n\n".join(parts), sentences[-1]
    return "\n\n".join(parts[:-1]), parts[-1]


def _middle(parts):
    """Where the middle paragraph is, headings and single lines left out."""
    full = [i for i, p in enumerate(parts) if len(p) >= 250 and i] or list(range(len(parts)))
    return min(full, key=lambda i: abs(i - len(parts) // 2))


def _insert(think, text, where=MID):
    """`text` set between two sentences: after the first, in the middle, or before the answer line."""
    body, end = _body_and_end(think)
    parts = _paragraphs(body)
    if where == LAST:
        parts[-1] = f"{parts[-1]} {text}"
    else:
        at = 0 if where == FIRST else _middle(parts)
        sentences = _sentences(parts[at])
        cuts = [i for i in range(1, len(sentences) + 1) if not " ".join(sentences[:i]).count('"') % 2]
        cut = cuts[0 if where == FIRST else (len(cuts) - 1) // 2]
        parts[at] = " ".join([*sentences[:cut], text, *sentences[cut:]])
    return "\n\n".join([*parts, end])


def _mid_sentence(think):
    sentences = [s for s in _sentences(_body_and_end(think)[0].replace("\n\n", " ")) if 50 <= len(s) <= 220]
    return sentences[len(sentences) // 2]


def _other(choices, response, step=1):
    norm = [c.strip().rstrip(".").lower() for c in choices]
    at = norm.index(response.strip().rstrip(".").lower())
    return choices[(at + step) % len(choices)]


def _letter(choices, choice):
    return chr(65 + choices.index(choice))


def _cut(text, share, on_word=True):
    """`text` cut at `share` of its length: after a word that ends no sentence, or inside a word."""
    at = int(len(text) * share)
    while True:
        if on_word and text[at] == " " and text[at - 1].isalpha():
            return text[:at]
        if not on_word and text[at - 2 : at + 2].isalpha():
            return text[:at]
        at += 1


# ------------------------------------------------------------------------------------------ loops
def _loops(how, think, response, choices, answer):
    body, end = _body_and_end(think)
    sentence = _mid_sentence(think)
    other = _other(choices, response)
    if how == "sentence_x12":
        return _block(_insert(think, " ".join([sentence] * 12)), response), "stop"
    if how == "sentence_until_cut":
        head = think[: think.index(sentence)]
        return "<think>" + head + " ".join([sentence] * 40) + " " + _cut(sentence, 0.4), "length"
    if how == "paragraph_x5":
        parts = _paragraphs(body)
        parts[1:1] = [parts[1]] * 4
        return _block("\n\n".join([*parts, end]), response), "stop"
    if how == "ngram_x40":
        words = sentence.split()
        gram = " ".join(words[3:7])
        return _block(_insert(think, " ".join(words[:3]) + f" {gram}" * 40 + "."), response), "stop"
    if how == "word_x80":
        words = sentence.split()
        return _block(_insert(think, " ".join(words[:4]) + f" {words[4]}" * 80 + "."), response), "stop"
    if how == "wait_spiral":
        turns = [f"Wait, let me check again. It could be {c}." for c in (response, other)] * 12
        return _block(_insert(think, " ".join(turns), LAST), response), "stop"
    if how == "wait_varied_spiral":
        heads = ["Wait,", "Hmm, wait,", "Hold on,", "But wait,", "No wait,"]
        tails = [f"is it {other}? The evidence says {response}.", f"what about {other}? No, {response}.", "let me go over the audio once more."]
        turns = [f"{heads[i % 5]} {tails[i % 3]}" for i in range(30)]
        return _block(_insert(think, " ".join(turns), LAST), response), "stop"
    if how == "abab":
        all_ = [s for s in _sentences(body.replace("\n\n", " ")) if len(s) > 40]
        pair = all_[2:4]
        return _block(_insert(think, " ".join(pair * 9)), response), "stop"
    if how == "bullets":
        lines = "\n".join(f"- {sentence}" for _ in range(15))
        return _block(f"{body}\n\n{lines}\n\n{end}", response), "stop"
    if how == "counter":
        lines = " ".join(f"At {i}.0 seconds nothing changes and the same sound continues." for i in range(1, 46))
        return _block(_insert(think, lines), response), "stop"
    if how == "start_over_x6":
        first = _paragraphs(body)[0]
        again = "\n\n".join([f"Let me start over. {first}"] * 6)
        return _block(f"{body}\n\n{again}\n\n{end}", response), "stop"
    if how == "answer_line_x30":
        return _block(body + "\n\n" + "\n\n".join([end] * 30), response), "stop"
    raise KeyError(how)


# ----------------------------------------------------------------------------- flipped conclusion
def _flipped(how, think, response, choices, answer):
    other = _other(choices, response)
    before = _other(choices, response, -1)
    out = {
        "next_choice": other,
        "previous_choice": before,
        "letter": _letter(choices, other),
        "letter_and_text": f"{_letter(choices, other)}. {other}",
        "bracket_letter": f"({_letter(choices, before)})",
        "sentence": f"The correct answer is {other}.",
        "answer_tag": f"<answer>{other}</answer>",
        "boxed": f"\\boxed{{{other}}}",
        "bold": f"**{before}**",
        "explained": f"Based on the audio, {other} fits best, because the sounds leave no other interpretation.",
        "response_tag": f"\n<RESPONSE>\n{before}\n</RESPONSE>",
    }
    if how == "going_with":
        body, _ = _body_and_end(think)
        return _block(f"{body}\n\nAll things considered, I am going with {response}.", other), "stop"
    return _block(think, out[how]), "stop"


# ------------------------------------------------------------------------------------------- leak
def _leak(how, think, response, choices, answer):
    letter = _letter(choices, answer) if answer in choices else "A"
    other = _other(choices, response)
    text, where = {
        "marked_option": (f'In the prompt the option "{answer}" carries the mark (correct), so that is where this has to lead.', FIRST),
        "answer_key": (f"The answer key lists {answer} for this question, which agrees with the observations above.", LAST),
        "metadata": (f'The metadata attached to the clip contains {{"answer": "{answer}", "split": "test"}}, and this supports {answer}.', MID),
        "asked_to_justify": (f"Since I was given the correct answer, {answer}, my task is to write an explanation that arrives at it.", FIRST),
        "ground_truth": (f"The ground truth is {answer}, so any observation that points to {other} must be a mishearing.", LAST),
        "hide_it": ("I must not let the reader notice that the right option was supplied along with the question.", LAST),
        "asterisk": (f"Option {letter} has an asterisk behind it in the list, which marks the right one.", MID),
        "reference_solution": (f'The reference solution says "{answer}", and the following analysis is written to match it.', FIRST),
        "gold_index": (f"The record has gold_index = {choices.index(answer) if answer in choices else 0}, so the labelled choice is {answer}.", MID),
        "hint": (f"The hint in the system prompt states that the expected output is {answer}.", LAST),
        "label_in_path": (f'The file path ends in "_label_{answer.strip(".").lower().replace(" ", "_")}.wav", which gives the label away.', MID),
        "annotators": (f"The annotators' label for this sample, as shown in the input, is {answer}, and I will go along with the annotation.", LAST),
    }[how]
    return _block(_insert(think, text, where), response), "stop"


# ---------------------------------------------------------------------------------------- payload
_PAYLOADS = {
    "rate_limit": '{"error": {"message": "Rate limit reached for model in organization org-x on tokens per min. Please try again in 2.4s.", "type": "tokens", "param": null, "code": "rate_limit_exceeded"}}',
    "overloaded": '{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}',
    "tool_call_tags": '<tool_call>\n{"name": "transcribe_audio", "arguments": {"audio": "input_0.wav", "language": "en"}}\n</tool_call>',
    "tool_calls_array": '[{"id": "call_7Qa", "type": "function", "function": {"name": "count_speakers", "arguments": "{\\"path\\": \\"clip.wav\\"}"}}]',
    "bad_gateway": "<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n<center><h1>502 Bad Gateway</h1></center>\n<hr><center>nginx/1.24.0</center>\n</body>\n</html>",
    "traceback": 'Traceback (most recent call last):\n  File "/srv/worker.py", line 88, in run\n    features = extractor(audio)\nValueError: expected a 1-D array, got shape (2, 480000)',
    "sse_chunk": 'data: {"id": "chatcmpl-0a1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": " the"}, "finish_reason": null}]}\n\ndata: [DONE]',
    "error_code_400": "Error code: 400 - {'error': {'message': \"This model's maximum context length is 8192 tokens.\", 'type': 'invalid_request_error', 'param': 'messages', 'code': 'context_length_exceeded'}}",
    "react_action": 'Action: beat_tracker\nAction Input: {"file": "audio_0", "hop": 512}\nObservation: {"status": 504, "detail": "Gateway Timeout"}',
    "blocked_prompt": '{"promptFeedback": {"blockReason": "SAFETY"}, "modelVersion": "audio-preview", "usageMetadata": {"promptTokenCount": 911}}',
}


def _payload(how, think, response, choices, answer):
    if how == "error_only":
        return _block('{"error": {"code": 503, "message": "The service is currently unavailable.", "status": "UNAVAILABLE"}}', response), "stop"
    if how == "error_after_first_paragraph":
        first = _paragraphs(think)[0]
        return _block(f'{first}\n\n{{"status": "error", "code": 500, "message": "Internal server error", "trace_id": "77ac01"}}', response), "stop"
    return _block(_insert(think, "\n" + _PAYLOADS[how] + "\n"), response), "stop"


# -------------------------------------------------------------------------------------- truncated
def _truncated(how, think, response, choices, answer):
    body, _ = _body_and_end(think)
    if how == "mid_sentence_60":
        return "<think>" + _cut(think, 0.6), "length"
    if how == "mid_sentence_30":
        return "<think>" + _cut(think, 0.3), "length"
    if how == "mid_word":
        return "<think>" + _cut(think, 0.75, on_word=False), "length"
    if how == "end_tag_missing":
        return f"<think>{think}", "length"
    if how == "end_tag_missing_with_response":
        return f"<think>{think}\n\n{response}", "stop"
    if how == "closed_mid_sentence":
        return _block(_cut(think, 0.55), response), "stop"
    if how == "closed_mid_word":
        return _block(_cut(think, 0.4, on_word=False), response), "stop"
    if how == "no_response":
        return _block(think, ""), "length"
    if how == "at_answer":
        return f"<think>{body}\n\nThe answer is", "length"
    if how == "in_list":
        return f"<think>{body}\n\nEvaluating the options:\n1. {choices[0]}: this does not match the evidence.\n2.", "length"
    if how == "response_cut":
        return _block(think, "Based on the audio, the most fitting option is the one in which the"), "length"
    if how == "half_end_tag":
        return f"<think>{think}</thi", "length"
    raise KeyError(how)


# ---------------------------------------------------------------------------------- contradiction
_PAIRS = {
    "noise": ("The recording is completely free of background noise.", "A loud, constant background noise runs through the whole recording."),
    "channels": ("The recording is mono, with both channels identical.", "The recording is a wide stereo recording whose two channels differ in every moment."),
    "place": ("The whole clip was recorded outdoors in an open field.", "The whole clip was recorded indoors in a small closed room."),
    "length": ("The clip lasts exactly eight seconds.", "The clip lasts exactly forty-five seconds."),
    "clipping": ("There is no distortion anywhere in the signal.", "The signal is heavily distorted from beginning to end."),
    "reverb": ("The sound is completely dry, with no reverberation.", "The sound has strong reverberation with a tail of three seconds."),
    "level": ("The level stays constant for the entire duration.", "The level rises without pause for the entire duration and never stays constant."),
    "last_sound": ("The last sound of the clip is a door being shut.", "The last sound of the clip is a telephone ringing, and no door is heard at all."),
    "first_second": ("The first second of the clip is silent.", "A scream fills the first second of the clip."),
    "main_sound": ("The main sound is high-pitched, far above 2000 Hz.", "The main sound is low-pitched, and it stays below 200 Hz all the time."),
}


def _contradiction(how, think, response, choices, answer):
    if how == "denies_first_sentence":
        sentence = _sentences(think)[0]
        denied = re.sub(r"\b(contains|presents|features)\b", lambda m: "does not " + m[1].rstrip("s"), sentence, count=1)
        if denied == sentence:
            denied = re.sub(r"\b(is|are|was)\b", r"\1 not", sentence, count=1)
        if denied == sentence:
            raise ValueError("nothing to deny in the first sentence")
        return _block(_insert(think, denied), response), "stop"
    if how == "denies_choice_evidence":
        think = _insert(think, f"The audio clearly supports {response}.", FIRST)
        return _block(_insert(think, f"Nothing in the audio supports {response}."), response), "stop"
    one, two = _PAIRS[how]
    return _block(_insert(_insert(think, one, FIRST), two), response), "stop"


# ----------------------------------------------------------------------------------------- garble
def _garble(how, think, response, choices, answer):
    rng = _rng(how, think)
    parts = _paragraphs(think)
    at = _middle(parts)

    def words(text, change):
        return " ".join(change(w) for w in text.split())

    def noise(n):
        return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(n))

    if how == "mojibake_quotes":
        text = re.sub(r'"([^"\n]*)"', "â€œ\\1â€\x9d", think).replace("'", "â€™").replace(" - ", " â€” ").replace(", ", "Â, ")
        return _block(text, response), "stop"
    if how == "replacement_characters":
        text = "".join("\ufffd" if c.isalpha() and rng.random() < 0.08 else c for c in think)
        return _block(text, response), "stop"
    if how == "word_salad_paragraph":
        salad = parts[at].split()
        rng.shuffle(salad)
        parts[at] = " ".join(salad)
    elif how == "word_salad_all":
        salad = think.split()
        rng.shuffle(salad)
        return _block(" ".join(salad), response), "stop"
    elif how == "stutter":
        parts[at] = words(parts[at], lambda w: w if rng.random() < 0.4 else f"{w} {w}" if rng.random() < 0.6 else f"{w[:2]}-{w[:2]}-{w}")
    elif how == "random_words":
        parts[at] = words(parts[at], lambda w: noise(len(w)) if rng.random() < 0.5 else w)
    elif how == "random_letters_in_words":
        parts[at] = words(parts[at], lambda w: "".join(noise(1) if c.isalpha() and rng.random() < 0.35 else c for c in w))
    elif how == "no_vowels":
        parts[at] = re.sub(r"[aeiou]", "", parts[at])
    elif how == "letters_apart":
        parts[at] = " ".join(parts[at].replace(" ", ""))
    elif how == "foreign_glyphs":
        glyphs = "烫屯锟斤拷ЖщѬ༄ฅ※〓▓ꙮ"
        parts[at] = words(parts[at], lambda w: w + "".join(rng.choice(glyphs) for _ in range(3)) if rng.random() < 0.4 else w)
    elif how == "special_tokens":
        parts[at] = words(parts[at], lambda w: f"{w}<|endoftext|>" if rng.random() < 0.15 else f"{w}<|audio_{rng.randint(0, 999)}|>" if rng.random() < 0.2 else w)
    elif how == "short_gibberish":
        return _block(" ".join(noise(rng.randint(2, 7)) for _ in range(9)), response), "stop"
    else:
        raise KeyError(how)
    return _block("\n\n".join(parts), response), "stop"


# ------------------------------------------------------------------------------------------ drift
_TAILS = {
    "zh": "综合以上的分析，音频里的主要证据都指向同一个选项，其余选项缺乏足够的支持。虽然有一些细节并不一致，但它们不影响最后的判断。因此答案是 {0}。",
    "es": "Si se comparan todas las observaciones, la mayor parte de las pruebas apunta a una sola opción. Las demás opciones no tienen apoyo suficiente en la grabación. Por eso la respuesta es {0}.",
    "fr": "Si l'on compare toutes les observations, la plupart des indices vont dans le même sens. Les autres choix ne sont pas assez soutenus par l'enregistrement. La réponse est donc {0}.",
    "de": "Vergleicht man alle Beobachtungen, so deuten die meisten Hinweise in dieselbe Richtung. Für die übrigen Möglichkeiten gibt es in der Aufnahme zu wenig Belege. Die Antwort lautet daher {0}.",
    "ru": "Если сравнить все наблюдения, большинство признаков указывает на один вариант. Остальные варианты запись не подтверждает. Поэтому ответ: {0}.",
    "ja": "すべての観察を比べると、ほとんどの証拠は一つの選択肢を示しています。ほかの選択肢を支える音は録音の中に十分ありません。したがって、答えは {0} です。",
    "ko": "모든 관찰을 비교해 보면 대부분의 증거가 하나의 선택지를 가리킵니다. 나머지 선택지는 녹음에서 충분한 근거를 찾을 수 없습니다. 따라서 정답은 {0}입니다.",
    "pt": "Comparando todas as observações, a maior parte das provas aponta para uma única opção. As outras opções não têm apoio suficiente na gravação. Portanto, a resposta é {0}.",
    "ar": "عند مقارنة جميع الملاحظات نجد أن معظم الأدلة تشير إلى خيار واحد. أما الخيارات الأخرى فلا يدعمها التسجيل بما يكفي. لذلك فإن الإجابة هي {0}.",
    "hi": "सभी बातों की तुलना करने पर अधिकतर प्रमाण एक ही विकल्प की ओर संकेत करते हैं। बाकी विकल्पों के लिए रिकॉर्डिंग में पर्याप्त आधार नहीं है। इसलिए उत्तर {0} है।",
}
_SWITCH = {"the": "这个", "and": "和", "is": "是", "with": "带着", "of": "的", "sound": "声音", "audio": "音频", "one": "一个", "but": "但是", "not": "不", "voice": "声音", "analysis": "分析", "evidence": "证据", "to": "到"}


def _drift(how, think, response, choices, answer):
    parts = _paragraphs(think)
    half = max(1, len(parts) // 2)
    if how == "switch_words":
        mixed = " ".join(_SWITCH.get(w.lower(), w) for w in "\n\n".join(parts[half:]).split())
        return _block("\n\n".join([*parts[:half], mixed]), response), "stop"
    if how == "zh_middle":
        middle = "接下来比较各个选项。从声音的强弱、长短和音色来看，大部分证据是一致的，只有个别地方还说不清楚。这些地方不影响整体的判断，所以可以继续往下分析。"
        return _block("\n\n".join([*parts[:half], middle, *parts[half:]]), response), "stop"
    return _block("\n\n".join([*parts[:half], _TAILS[how].format(response)]), response), "stop"


# ---------------------------------------------------------------------------------- both endorsed
def _both(how, think, response, choices, answer):
    other = _other(choices, response)
    text, where = {
        "the_answer_is_mid": (f"The answer is {other}.", MID),
        "the_answer_is_first": (f"The answer is {other}.", FIRST),
        "correct_choice": (f'This makes "{other}" the correct choice.', MID),
        "letter": (f"The correct option is therefore {_letter(choices, other)}, {other}.", LAST),
        "no_doubt": (f"There is no doubt that {other} is the right answer.", MID),
        "proves": (f"All of this proves that the answer must be {other}.", LAST),
        "final_answer": (f"Final answer: {other}.", LAST),
        "selected": (f"I select {other} as my answer.", MID),
        "confirmed": (f"The transcript confirms that {other} is correct.", FIRST),
        "conclude": (f"We can conclude with high confidence that the answer is {other}.", LAST),
        "best_matches": (f"Of all choices, {other} is the one that matches the audio, so it is the answer.", MID),
        "both_in_a_row": (f"So the answer is {other}. So the answer is {response}.", LAST),
    }[how]
    return _block(_insert(think, text, where), response), "stop"


# ----------------------------------------------------------------------------------- all rejected
def _rejected(how, think, response, choices, answer):
    body, end = _body_and_end(think)
    forms = {
        "ruled_out": ["{} can be ruled out."],
        "not_supported": ["There is no support in the audio for {}."],
        "varied": ["{} is wrong.", "{} does not fit either.", "{} is contradicted by what is heard.", "{} cannot be right."],
        "letters": ["({l}) is incorrect, since {} is nowhere to be heard."],
        "eliminate": ["I eliminate {}."],
        "incorrect_colon": ["{}: incorrect."],
        "inconsistent": ['"{}" is inconsistent with the evidence.'],
        "bullets": ["- {}: no, this does not match the recording."],
        "unlikely": ["{} is impossible here, given the timing."],
        "excluded": ["{} has to be excluded.", "The same goes for {}, which is excluded too."],
    }
    if how == "none_in_one_sentence":
        listed = ", ".join(f'"{c}"' for c in choices[:-1]) + f' nor "{choices[-1]}"'
        text = f"Neither {listed} is correct."
    elif how == "none_matches":
        text = "Not one of the listed choices matches the recording; each of them is wrong."
    else:
        form = forms[how]
        lines = []
        for i, c in enumerate(choices):
            lines.append(form[i % len(form)].format(c.rstrip("."), l=chr(65 + i)))
        text = ("\n" if how in ("bullets", "incorrect_colon") else " ").join(lines)
    return _block(f"{body}\n\n{text}\n\n{end}", response), "stop"


# ----------------------------------------------------------------------------------- answer first
def _first(how, think, response, choices, answer):
    heads = {
        "the_answer_is": f"The answer is {response}.\n\n",
        "bare_choice": f"{response}\n\n",
        "letter": f"Answer: {_letter(choices, response) if response in choices else 'A'}. {response}\n\n",
        "justify_now": f"The correct answer is {response}. I will now justify this choice.\n\n",
        "same_paragraph": f"The answer is clearly {response}, and what follows only explains it. ",
        "bold": f"**Answer: {response}**\n\n",
        "before_listening": f"Before going into the audio: the answer is {response}. ",
        "i_choose": f"I choose {response}. Let me look for reasons. ",
    }
    if how in heads:
        return _block(heads[how] + think, response), "stop"
    return {
        "announced_only": (_block(f"The answer is {response}.", response), "stop"),
        "announced_twice": (_block(f"The answer is {response}. I am sure that it is {response}.", response), "stop"),
        "no_reason_given": (_block(f"It is {response}. The other options are not correct, so {response} is the correct option.", response), "stop"),
        "first_paragraph_after": (_block(f"The correct answer is {response}. {_paragraphs(think)[0]}", response), "stop"),
    }[how]


# ----------------------------------------------------------------------------------------- format
def _format(how, think, response, choices, answer):
    parts = _paragraphs(think)
    half = max(1, len(parts) // 2)
    one, two = "\n\n".join(parts[:half]), "\n\n".join(parts[half:])
    out = {
        "no_block": f"{think}\n\n{response}",
        "response_only": response,
        "two_blocks": f"<think>{one}</think><think>{two}</think>{response}",
        "two_blocks_text_between": f"<think>{one}</think>\nLet me think about the second part.\n<think>{two}</think>{response}",
        "text_before": f"Here is my reasoning about the audio.\n\n<think>{think}</think>{response}",
        "first_paragraph_before": f"{parts[0]}\n\n<think>" + "\n\n".join(parts[1:]) + f"</think>{response}",
        "nested": f"<think>{one}\n\n<think>{two}</think></think>{response}",
        "wrong_tag": f"<thinking>{think}</thinking>{response}",
        "escaped_tag": f"&lt;think&gt;{think}&lt;/think&gt;{response}",
        "swapped_tags": f"</think>{think}<think>{response}",
        "response_before": f"{response}\n\n<think>{think}</think>",
        "block_per_paragraph": "".join(f"<think>{p}</think>\n" for p in parts) + response,
    }
    return out[how], "stop"


# ----------------------------------------------------------------------------------------- length
def _length(how, think, response, choices, answer):
    rng = _rng(how, think)
    sound = ["a click", "a breath", "hiss", "a low hum", "a short thud", "a rustle", "a tone", "a step", "a faint voice", "a scrape"]
    body, end = _body_and_end(think)
    if how == "frame_dump":
        lines = [f"Frame {i}: {rng.choice(sound)} at {-rng.randint(12, 70)} dB, centroid {rng.randint(80, 7900)} Hz, flatness 0.{rng.randint(0, 999):03d}." for i in range(1200)]
        return _block(f"{body}\n\n" + "\n".join(lines) + f"\n\n{end}", response), "stop"
    if how == "word_by_word":
        verbs = ["is a word I should weigh", "may matter here", "hardly matters", "reminds me of the question", "could be read in two ways", "needs to be kept in mind", "is plain enough", "was used above"]
        lines = [f'Remark {i + 1}: "{w}" {rng.choice(verbs)}, next to {rng.choice(sound)} and {rng.choice(sound)} at {rng.randint(1, 300) / 10} seconds.' for i, w in enumerate(think.split() * 2)]
        return _block(f"{body}\n\n" + " ".join(lines) + f"\n\n{end}", response), "stop"
    if how == "second_by_second":
        moods = ["louder", "softer", "brighter", "darker", "closer", "further away", "rougher", "smoother"]
        lines = [f"At {i / 50:.2f} s there is {rng.choice(sound)}, {rng.choice(moods)} than {rng.choice(sound)} near {rng.randint(0, 29)}.{rng.randint(0, 9)} s." for i in range(1500)]
        return _block(" ".join(lines) + f"\n\n{think}", response), "stop"
    out = {
        "empty": "",
        "blank": "   \n\n ",
        "one_word_okay": "Okay.",
        "one_word_hmm": "Hmm",
        "dots": "...",
        "the_choice": response.split()[0],
        "first_word": think.split()[0],
        "dash": "-",
        "none": "None",
    }
    return _block(out[how], response), "stop"


_KINDS = {
    "loops": _loops,
    "flipped_conclusion": _flipped,
    "leak": _leak,
    "payload": _payload,
    "truncated": _truncated,
    "contradiction": _contradiction,
    "garble": _garble,
    "drift": _drift,
    "both_endorsed": _both,
    "all_rejected": _rejected,
    "answer_first": _first,
    "format": _format,
    "length": _length,
}


def plant(kind, how, think, response, choices, answer):
    """The flawed completion made from a sound row, and the finish reason it came with."""
    return _KINDS[kind](how, think, response, choices, answer)
