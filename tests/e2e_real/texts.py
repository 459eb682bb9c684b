"""Fifty texts of every kind, the same each time: what two judges of texts are shown."""

import random
from html import escape

# Each: language, locale, keyphrase, sentences without it, sentences that name it, what a question asks.
SUBJECTS = [
    (
        "en",
        "en_US",
        [
            "cold brew",
            "cold brew coffee ratio",
            "how to make cold brew at home",
            "coffee",
            "best burr grinder",
            "glass jar for cold brew coffee concentrate with lid",
            "cold brew coffee bean grind size water steep time chart",
        ],
        [
            "Water draws the sugars out of the beans long before the bitter parts follow.",
            "A jar with a lid is all that most kitchens need.",
            "Mr. Ellis of Leeds weighs his beans on a kitchen scale, e.g. before breakfast.",
            "The taste changes by 3.5 degrees of the room.",
            "Wait until the next morning!",
            "Who has the time for that?",
            "Because the grounds are coarse and the water never gets warm, the sharp notes that people know from an "
            "espresso stay where they are and do not end up in the glass.",
            "Filters made of paper hold back oils that a metal sieve lets through, which some drinkers miss and "
            "others are glad to be rid of after a long night.",
            "Ice dilutes every drink, so begin with a strong one.",
            "Keep the jar in the dark.",
        ],
    ),
    (
        "de",
        "de_DE",
        ["Rasen vertikutieren", "Hochbeet", "Tomaten im Garten pflanzen"],
        [
            "Der Boden muss im Frühjahr abtrocknen, bevor man ihn betritt.",
            "Moos wächst gern im Schatten der Hecke.",
            "Wer z. B. zu früh beginnt, verletzt die Wurzeln.",
            "Nach dem Regen ist die Arbeit leichter!",
            "Weil die Halme im März noch schwach sind und der Frost in vielen Nächten zurückkehrt, warten erfahrene "
            "Gärtner meist bis in den April hinein und prüfen vorher die Temperatur der Erde.",
            "Kompost liefert genug Stickstoff für den Sommer.",
        ],
    ),
    (
        "es",
        "es_ES",
        ["pan casero", "receta de pan integral", "masa madre"],
        [
            "La harina absorbe el agua poco a poco.",
            "El horno tiene que estar muy caliente desde el principio.",
            "¿Cuánto tiempo hay que esperar?",
            "Cuando la levadura trabaja despacio durante toda la noche en un lugar fresco de la cocina, el sabor gana "
            "matices que ninguna prisa consigue y la corteza queda más crujiente al salir del horno.",
            "Una pizca de sal basta.",
            "Conviene dejarlo enfriar sobre una rejilla.",
        ],
    ),
    (
        "fr",
        "fr_FR",
        ["randonnée en montagne", "chaussures de marche"],
        [
            "Le temps change vite en altitude.",
            "Une carte reste utile quand le téléphone est vide.",
            "Il faut boire souvent, même sans avoir soif.",
            "Parce que les sentiers montent parfois pendant plusieurs heures sans offrir la moindre ombre, les guides "
            "conseillent de partir avant le lever du soleil et de garder assez de forces pour la descente.",
            "Les refuges ouvrent en juin.",
        ],
    ),
]


def texts() -> list[dict]:
    """Each: language, locale, title, html, keyphrase, slug, meta_title, meta_description."""
    return [_text(number) for number in range(50)]


def _text(number: int) -> dict:
    rng = random.Random(number)
    language, locale, keyphrases, fillers = SUBJECTS[0 if number < 29 else 1 + number % 3]
    keyphrase = rng.choice(keyphrases)
    size = rng.choice([30, 80, 150, 225, 275, 320, 450, 700, 1100])
    often = rng.choice([0, 0, 0.04, 0.1, 0.2, 0.3, 0.6])
    html: list[str] = []
    words = 0
    if rng.random() < 0.25:
        html.append("<h1>One</h1>" * rng.choice([1, 2]))
    html.append(f"<p>{_introduction(rng, keyphrase, fillers)}</p>")
    headed = rng.random() < 0.8
    share = rng.choice([0, 0.2, 0.5, 0.6, 1])
    while words < size:
        if headed and (words == 0 or rng.random() < 0.35):
            level = rng.choice([2, 2, 2, 3])
            heading = keyphrase.capitalize() if rng.random() < share else rng.choice(fillers).split(",")[0]
            html.append(f"<h{level}>{escape(heading, quote=False)}</h{level}>")
        count = rng.choice([1, 2, 3, 4, 6]) if rng.random() < 0.95 else 18
        sentences = [_sentence(rng, keyphrase, fillers, often) for _ in range(count)]
        words += sum(len(sentence.split()) for sentence in sentences)
        if rng.random() < 0.1:
            html.append("<ul>" + "".join(f"<li>{sentence}</li>" for sentence in sentences) + "</ul>")
        else:
            html.append(f"<p>{' '.join(sentences)}</p>")
    for _ in range(rng.choice([0, 0, 1, 2])):
        rel = rng.choice(["", "", ' rel="nofollow"'])
        html.append(f'<p>{fillers[0]} <a href="https://example.org/{rng.random()}"{rel}>Source</a></p>')
    for _ in range(rng.choice([0, 0, 1, 2])):
        to = rng.choice(["/other/", "https://blog.example.com/other/", "https://www.example.com/x"])
        rel = rng.choice(["", "", ' rel="nofollow"'])
        html.append(f'<p>{fillers[-1]} <a href="{to}"{rel}>More</a></p>')
    for _ in range(rng.choice([0, 1, 2, 5, 7])):
        alt = rng.choice(["", fillers[-1], keyphrase, f"A picture of {keyphrase}"])
        html.append(f'<figure><img src="/a.png" alt="{escape(alt)}"><figcaption>A jar</figcaption></figure>')
    title = rng.choice(
        [
            keyphrase.capitalize(),
            f"{keyphrase.capitalize()}: {fillers[1][:30]}",
            f"The {keyphrase}, explained",
            f"{fillers[-1][:-1]} – {keyphrase}",
            " ".join(reversed(keyphrase.split())).capitalize(),
            fillers[1],
            f"{keyphrase.capitalize()} and everything else that anybody would ever want to know about it, and more",
        ]
    )
    description = rng.choice(
        [
            "",
            f"{keyphrase.capitalize()}. {fillers[0]}",
            f"{fillers[0]} {keyphrase.capitalize()}: {fillers[1]} {fillers[3]}"[:150],
            f"{keyphrase}, {keyphrase}, {keyphrase} and {keyphrase} again.",
            " ".join(fillers)[:140],
            " ".join(fillers)[:190],
        ]
    )
    slug = rng.choice(
        [
            keyphrase.lower().replace(" ", "-"),
            keyphrase.lower().split()[0],
            "post-12",
            keyphrase.lower().split()[-1],
        ]
    )
    return {
        "language": language,
        "locale": locale,
        "title": title,
        "html": "\n".join(html),
        "keyphrase": keyphrase,
        "slug": slug,
        "meta_title": "",
        "meta_description": description,
    }


def _introduction(rng: random.Random, keyphrase: str, fillers: list[str]) -> str:
    halves = keyphrase.split()
    apart = f"{halves[0].capitalize()}, {fillers[-1].lower()} {fillers[0]} {' '.join(halves[1:])}".strip()
    return rng.choice([fillers[0], f"{keyphrase.capitalize()}: {fillers[-1]}", apart])


def _sentence(rng: random.Random, keyphrase: str, fillers: list[str], often: float) -> str:
    sentence = rng.choice(fillers)
    if rng.random() < often:
        return rng.choice([f"{keyphrase.capitalize()}: {sentence}", f"{sentence[:-1]}, {keyphrase}."])
    return sentence
