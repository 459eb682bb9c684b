"""The few words that a hosted site says itself, in its own language; English where we do not have it."""

from datetime import datetime, tzinfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date

_NAMES = ("home", "skip", "latest", "related", "categories", "newer", "older", "updated", "empty", "missing", "back",
          "breadcrumb", "pages", "in_category")  # fmt: skip
_WORDS = {
    "en": ("Home", "Skip to content", "Latest articles", "Related articles", "Categories", "Newer", "Older", "Updated",
           "Nothing has been published here yet.", "There is no such page.", "Back to the front page", "You are here",
           "Pages", "Articles about"),
    "de": ("Startseite", "Zum Inhalt springen", "Neueste Artikel", "Verwandte Artikel", "Themen", "Neuere", "Ältere",
           "Aktualisiert", "Hier ist noch nichts veröffentlicht.", "Diese Seite gibt es nicht.", "Zur Startseite",
           "Sie sind hier", "Seiten", "Artikel zum Thema"),
    "fr": ("Accueil", "Aller au contenu", "Derniers articles", "Articles liés", "Catégories", "Plus récents",
           "Plus anciens", "Mis à jour", "Rien n’a encore été publié ici.", "Cette page n’existe pas.",
           "Retour à l’accueil", "Vous êtes ici", "Pages", "Articles sur"),
    "es": ("Inicio", "Saltar al contenido", "Últimos artículos", "Artículos relacionados", "Categorías",
           "Más recientes", "Más antiguos", "Actualizado", "Aún no se ha publicado nada.", "Esta página no existe.",
           "Volver al inicio", "Está aquí", "Páginas", "Artículos sobre"),
    "it": ("Home", "Vai al contenuto", "Ultimi articoli", "Articoli correlati", "Categorie", "Più recenti",
           "Meno recenti", "Aggiornato", "Non è ancora stato pubblicato nulla.", "Questa pagina non esiste.",
           "Torna alla home", "Sei qui", "Pagine", "Articoli su"),
    "pt": ("Início", "Ir para o conteúdo", "Artigos recentes", "Artigos relacionados", "Categorias", "Mais recentes",
           "Mais antigos", "Atualizado", "Ainda não há nada publicado.", "Esta página não existe.",
           "Voltar ao início", "Você está aqui", "Páginas", "Artigos sobre"),
    "nl": ("Home", "Naar de inhoud", "Nieuwste artikelen", "Verwante artikelen", "Categorieën", "Nieuwer", "Ouder",
           "Bijgewerkt", "Hier is nog niets gepubliceerd.", "Deze pagina bestaat niet.", "Terug naar de voorpagina",
           "U bent hier", "Pagina’s", "Artikelen over"),
    "ar": ("الرئيسية", "انتقل إلى المحتوى", "أحدث المقالات", "مقالات ذات صلة", "التصنيفات", "الأحدث", "الأقدم",
           "آخر تحديث", "لم يُنشر شيء هنا بعد.", "هذه الصفحة غير موجودة.", "العودة إلى الصفحة الرئيسية", "أنت هنا",
           "الصفحات", "مقالات عن"),
    "he": ("דף הבית", "דילוג לתוכן", "מאמרים אחרונים", "מאמרים קשורים", "קטגוריות", "חדשים יותר", "ישנים יותר",
           "עודכן", "עדיין לא פורסם כאן דבר.", "הדף הזה אינו קיים.", "חזרה לדף הבית", "אתם כאן", "עמודים",
           "מאמרים בנושא"),
}  # fmt: skip


def locale_of(language: str) -> Locale:
    """The locale of a language code such as en, pt-BR or zh-Hant; English for one that is not known."""
    try:
        return Locale.parse(language.replace("_", "-"), sep="-")
    except (ValueError, TypeError, UnknownLocaleError):
        return Locale("en")


def labels_of(locale: Locale) -> dict[str, str]:
    return dict(zip(_NAMES, _WORDS.get(locale.language, _WORDS["en"]), strict=True))


def long_date(moment: datetime, zone: tzinfo, locale: Locale) -> str:
    """The day of `moment` in the site's time and language."""
    return format_date(moment.astimezone(zone).date(), format="long", locale=locale)
