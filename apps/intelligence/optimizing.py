"""What a model is asked when an article is to be improved."""

from apps.intelligence.function import Function, array, record, text

_OPTIMIZED = record(
    meta_title=text(300),
    meta_description=text(600),
    slug=text(600),
    alts=array(record(picture=text(40, 1), alt=text(600))),
    blocks=array(record(number={"type": "integer", "minimum": 0}, html=text(100_000, 1))),
)

OPTIMIZE = Function(
    name="optimize",
    prompt_type="optimization",
    system=(
        "You are a careful copy editor. You change only what you are asked to change, and you invent no facts, "
        "figures, prices, names, quotes or sources."
    ),
    template=(
        "Mend these problems of the article “{title}”, written in the language {language}. People should find "
        "it when they search for “{keyphrase}”.\n\nProblems, each with what to do, and the blocks where it is "
        "to be done:\n{problems}\n\nIts fields: {fields}\nIts pictures:\n{pictures}\n\nIts text, by blocks:\n"
        "{blocks}\n\n"
        "Answer only what you change: a field that stays is an empty string, pictures and blocks that stay are "
        "left out. A block keeps its number; its html may become several paragraphs, and may hold a new h3 "
        "where a subheading is asked for. Every number with its unit, date, name and quotation of a block "
        "stays, every link and picture byte for byte, and about its length. A block that no problem names is "
        "not yours to change. meta_title has at most 60 characters, meta_description 121 to 155, slug is "
        "lower case with hyphens, alt says in at most 125 characters what is to be seen."
    ),
    schema=_OPTIMIZED,
    variables=("title", "keyphrase", "language", "problems", "fields", "pictures", "blocks"),
    max_tokens=8192,
    temperature=0.3,
    needed=("problems", "blocks"),
)
