"""What the model of the tests says: long, whole answers that differ as their questions do, in the form asked for."""

import json
import random
import re

from apps.intelligence.clients.openai_dialect import GO_ON

_SENTENCES = (
    "{topic} rewards a little patience before the first attempt.",
    "Write down what was done and what came of it, and change one thing at a time.",
    "Good water & fresh beans matter more than any machine.",
    "Most mistakes come from haste, the rest from stale ingredients.",
    "“Enough” is a better measure than “as much as possible”.",
    "Compare two batches side by side; memory is a poor judge.",
    "What works at 20 °C needs more time at 4 °C.",
    "Keep the tools clean: old oil turns bitter within days.",
)


def last_sentence(title: str) -> str:
    """What only a whole article ends with."""
    return f"That is all there is to say about “{title}”."


def answer(messages: list[dict]) -> str | None:
    """The model's next message; what is left of the answer when it is told to go on. None: not a known question."""
    prompt = next((m["content"] for m in messages if m["role"] == "user"), "")
    data = next(
        (
            found
            for write in (_part, _article, _ideas, _names, _pictures, _optimized)
            if (found := write(prompt))
        ),
        None,
    )
    if data is None:
        return None
    whole = json.dumps(data, ensure_ascii=False)
    if messages[-1]["content"] == GO_ON:
        said = messages[-2]["content"]
        return whole[len(said) :] if whole.startswith(said) else whole
    return whole


def article(title: str, words: int = 600, keyword: str = "") -> dict:
    """The article of a title: always the same for it."""
    chance = random.Random(title)
    keyword = keyword or title
    parts, count = [f"<p>{title}: what to know about {keyword} before you begin.</p>"], 0
    while count < words:
        n = len(parts)
        if n % 4 == 1:
            parts.append(f"<h2>{keyword.capitalize()}, step {n // 4 + 1}</h2>")
        chosen = [sentence.format(topic=title) for sentence in chance.sample(_SENTENCES, 3)]
        parts.append(
            f"<p>{' '.join(chosen)}</p>" if n % 4 else f"<ul><li>{'</li><li>'.join(chosen)}</li></ul>"
        )
        count += sum(len(sentence.split()) for sentence in chosen)
    parts.append(f"<p>{last_sentence(title)}</p>")
    return {
        "title": title,
        "slug": re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-"),
        "excerpt": f"What to know about {keyword}, step by step.",
        "meta_title": title[:60],
        "meta_description": f"{title}: a plain guide with steps, measures and mistakes to avoid."[:155],
        "primary_keyword": keyword,
        "secondary_keywords": [f"{keyword} guide", f"{keyword} tips"],
        "categories": ["Guides"],
        "tags": [keyword[:60], "how to"],
        "html": "".join(parts),
    }


def part_headings(title: str, sections: int) -> list[str]:
    return [f"{title}, part {n}" for n in range(1, sections + 1)]


def _part(prompt: str) -> dict | None:
    """Of a long article: its outline, one of its sections, or what stands around them."""
    asked = re.match(r"Write a .*? with the title “(.*?)” for the site ", prompt, re.DOTALL)
    if asked is None:
        return None
    title = asked[1]
    if found := re.search(r"Plan its outline first: (\d+) headings", prompt):
        rows = [{"heading": h, "points": ["What", "Why"]} for h in part_headings(title, int(found[1]))]
        return {"outline": rows}
    said = r"Write now only section \d+ of \d+, under the heading “(.*?)”, of about (\d+) words"
    if found := re.search(said, prompt):
        return {"html": article(found[1], int(found[2]))["html"].replace("h2>", "h3>")}
    if "Write now what stands around them" in prompt:
        frame = {name: value for name, value in article(title, 100).items() if name != "html"}
        faq = [{"question": f"Is there more to say about {title}?", "answer": "Not today."}]
        return {**frame, "introduction": f"<p>{title}.</p>", "faq_heading": "Questions", "faq": faq}
    return None


def _article(prompt: str) -> dict | None:
    asked = re.match(
        r"Write a .*? with the title “(.*?)” for the site .* of about (\d+) words\.", prompt, re.DOTALL
    )
    if asked is None:
        return None
    keyword = re.search(r"^Primary keyword: (.*)$", prompt, re.MULTILINE)
    return article(asked[1], min(int(asked[2]), 1500), keyword[1] if keyword else "")


def _ideas(prompt: str) -> dict | None:
    asked = re.match(r"Plan (\d+) articles about the topic “(.*?)”", prompt)
    if asked is None:
        return None
    keywords, taken = prompt.partition("\n\nEach article")[0], prompt.rpartition("\n\nTitles")[2].lower()
    words = [re.sub(r" \(.*\)$", "", line) for line in re.findall(r"^- (.*)$", keywords, re.MULTILINE)]
    ideas = []
    for word in words or [asked[2]]:
        title = f"{word.capitalize()}: a plain guide"
        if title.lower() not in taken and len(ideas) < int(asked[1]):
            ideas.append(
                {
                    "title": title,
                    "description": f"Answers what people ask about {word}.",
                    "content_type": "post",
                    "structure": "guide",
                    "intent": "informational",
                    "primary_keyword": word,
                    "target_keywords": [word],
                    "outline": [{"heading": f"Why {word}", "points": ["What it is", "What it is not"]}],
                    "word_count": 900,
                }
            )
    return {"ideas": ideas}


def _names(prompt: str) -> dict | None:
    if not prompt.startswith("Give each of these groups of keywords a short name"):
        return None
    groups = [json.loads(line) for line in re.findall(r"^- (\{.*\})$", prompt, re.MULTILINE)]
    return {"names": [{"id": g["id"], "name": f"{g['keywords'][0][:150]} {g['id']}"} for g in groups]}


def _pictures(prompt: str) -> dict | None:
    asked = re.match(
        r"Describe one featured image and (\d+) images inside the text for the article “(.*?)”", prompt
    )
    if asked is None:
        return None
    return {
        "featured": {"prompt": f"A table set for {asked[2]}", "alt": asked[2][:120], "caption": asked[2]},
        "in_article": [
            {"prompt": f"{asked[2]}, picture {n}", "alt": f"{asked[2][:100]}, {n}", "position": n}
            for n in range(int(asked[1]))
        ],
    }


def _optimized(prompt: str) -> dict | None:
    """Mends the fields and the introduction, and gets a figure wrong in the block with the most of them."""
    asked = re.match(
        r"Mend these problems of the article “.*? when they search for “(.*?)”", prompt, re.DOTALL
    )
    if asked is None:
        return None
    keyphrase = asked[1].capitalize()
    blocks = dict(re.findall(r"^- (\d+): (<.*)$", prompt.rpartition("Its text, by blocks:")[2], re.MULTILINE))
    wrong = max(blocks, key=lambda number: len(re.findall(r"\d+", blocks[number])))
    return {
        "meta_title": f"{keyphrase}: a plain guide",
        "meta_description": f"{keyphrase} in plain words: what to weigh, how long to wait, what goes wrong in the "
        "beginning, and how to tell a good batch from a bad one.",
        "slug": asked[1].replace(" ", "-"),
        "alts": [],
        "blocks": [
            {"number": 0, "html": blocks["0"].replace("<p>", f"<p>{keyphrase} is a matter of habit. ")},
            {"number": int(wrong), "html": re.sub(r"\d+", "7", blocks[wrong])},
        ],
    }
