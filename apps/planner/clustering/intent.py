"""What a searcher is after, by the words of the keyword. A hint for people to correct, not a fact."""

import re

from .text import normalise, words


def _any(phrases: str) -> re.Pattern[str]:
    """Matches any of the phrases (separated by |) as whole words."""
    return re.compile(r"(?<!\S)(?:" + "|".join(re.escape(p) for p in phrases.split("|")) + r")(?!\S)")


# English, German, Spanish, French. Checked from top to bottom: "how to buy x" asks, "best x to buy" compares.
_QUESTION = _any(
    "how|why|what|when|who|whose|which|where is|where are|where was|where does|is|are|can|does|do|should|was|did|"
    "will|wie|warum|was ist|was sind|wann|wer|wieso|weshalb|cómo|como|qué|que es|por qué|cuándo|cuando|quién|cuál|"
    "dónde|comment|pourquoi|qu est ce que|quand|qui|quelle|quel|combien de"
)
_NAVIGATIONAL = _any(
    "login|log in|logon|sign in|signin|sign up|website|homepage|official site|official website|customer service|"
    "contact number|phone number|support number|webmail|my account|portal|facebook|youtube|instagram|linkedin|gmail|"
    "anmelden|einloggen|kundenservice|startseite|iniciar sesión|iniciar sesion|página oficial|atención al cliente|"
    "connexion|se connecter|site officiel|service client|mon compte"
)
_TRANSACTIONAL = _any(
    "buy|order|purchase|price|prices|pricing|cheap|cheapest|discount|coupon|coupons|promo code|deal|deals|for sale|"
    "sale|shop|store|near me|hire|rent|rental|book|booking|tickets|ticket|download|subscribe|subscription|quote|"
    "free shipping|delivery|in stock|wholesale|apply online|apply for|"
    "kaufen|bestellen|preis|preise|günstig|billig|rabatt|gutschein|angebot|angebote|mieten|buchen|in der nähe|"
    "comprar|precio|precios|barato|barata|baratos|oferta|ofertas|descuento|cupón|alquiler|alquilar|reservar|"
    "cerca de mí|descargar|acheter|prix|pas cher|promo|réduction|soldes|louer|location|réserver|commander|télécharger"
)
_COMMERCIAL = _any(
    "best|top|review|reviews|vs|versus|compare|comparison|alternative|alternatives|rated|ranking|recommended|cost of|"
    "cost|affordable|worth it|difference between|pros and cons|"
    "beste|bester|bestes|besten|test|testsieger|vergleich|erfahrungen|bewertung|bewertungen|empfehlung|"
    "mejor|mejores|comparativa|comparación|opiniones|reseña|reseñas|alternativas|"
    "meilleur|meilleure|meilleurs|meilleures|avis|comparatif|comparaison|comparateur"
)
_GUIDE = _any(
    "guide|tutorial|meaning|definition|define|examples|example|ideas|tips|recipe|recipes|history of|history|facts|"
    "symptoms|causes|anleitung|bedeutung|tipps|rezept|beispiele|geschichte|guía|significado|ejemplos|receta|historia|"
    "consejos|signification|définition|recette|exemples|histoire|conseils"
)
_DOMAIN = re.compile(
    r"(?<!\S)(?:https?://|www\.)?[a-z0-9-]+\.(?:com|org|net|io|de|es|fr|co\.uk|gov|edu)(?!\S)"
)


def search_intent(keyword: str) -> str:
    """`informational`, `navigational`, `commercial` or `transactional`; `informational` where nothing speaks against
    it. Knows English, and the commonest words of German, Spanish and French. No brand names."""
    text = normalise(keyword)
    plain = " ".join(words(text))
    if _DOMAIN.search(text) or _NAVIGATIONAL.search(plain):
        return "navigational"
    if _QUESTION.match(plain) or (_GUIDE.search(plain) and not _COMMERCIAL.match(plain)):
        return "informational"
    if _COMMERCIAL.search(plain):
        return "commercial"
    return "transactional" if _TRANSACTIONAL.search(plain) else "informational"
