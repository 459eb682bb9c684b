"""The questions of which an article is made: whole, or, when it is long, its outline, its sections, its frame.

All are asked with one prompt, the user's where there is one: what the article is about and how it is written. Each
says after it what is wanted now.
"""

from dataclasses import replace

from apps.intelligence.function import OUTLINE, Function, array, record, text

# Longer than they may be in the end: a title of 61 characters is shortened by `tidy`, not paid for twice.
_CONTENT = record(
    title=text(600, 1),
    slug=text(600),
    excerpt=text(2000),
    meta_title=text(300),
    meta_description=text(600),
    primary_keyword=text(500),
    secondary_keywords=array(text(500)),
    categories=array(text(200)),
    tags=array(text(200)),
    html=text(500_000, 1),
)
_FRAME = record(
    title=text(600, 1),
    slug=text(600),
    excerpt=text(2000),
    meta_title=text(300),
    meta_description=text(600),
    primary_keyword=text(500),
    secondary_keywords=array(text(500)),
    categories=array(text(200)),
    tags=array(text(200)),
    introduction=text(20_000, 1),
    faq_heading=text(300),
    faq=array(record(question=text(600, 1), answer=text(4000, 1))),
)

CONTENT = Function(
    name="content",
    prompt_type="content",
    system=(
        "You are an experienced editor. You write for the reader first, plainly and exactly. You invent no "
        "facts, figures, prices, names, quotes or sources; what you do not know, you leave out."
    ),
    template=(
        "Write a {structure} (as a {content_type}) with the title “{title}” for the site {site_name} "
        "(sector: {sector}), in the language {language}, in a {tone} tone, of about {word_count} "
        "words.\n\n"
        "What the editor says about it: {notes}\n\n"
        "Primary keyword: {primary_keyword}\nFurther keywords:\n{keywords}\n\nOutline:\n{outline}\n\n"
        "Section with frequent questions: {include_faq}\nThe author, and how they write: {author}\n\n"
        "Pages that it may link to, each at most once, where a reader is helped by it. There are no other "
        "links in it:\n{links}\n\n"
        "html: only h2, h3, p, ul, ol, li, strong and em, without attributes, and a with href for those "
        "links; no h1, the title stands above. "
        "The primary keyword stands in the first paragraph and in a heading, where it reads naturally. "
        "meta_title has at most 60 characters, meta_description at most 155. slug is short, lower "
        "case, with hyphens. excerpt is one or two sentences."
    ),
    schema=_CONTENT,
    variables=(
        "title",
        "structure",
        "content_type",
        "primary_keyword",
        "keywords",
        "outline",
        "word_count",
        "tone",
        "language",
        "include_faq",
        "site_name",
        "sector",
        "author",
        "notes",
        "links",
    ),
    max_tokens=8192,
    needed=("title",),
)
WRITING = (
    CONTENT,
    replace(
        CONTENT,
        name="content_outline",
        schema=record(outline=OUTLINE),
        max_tokens=4096,
        then=(
            "Do not write it yet. Plan its outline first: {sections} headings, each with two to five points to "
            "make under it, in the language of the article and in the order in which a reader needs them. No "
            "heading repeats another. The introduction and the frequent questions are written apart: leave "
            "them out."
        ),
        then_variables=("sections",),
    ),
    replace(
        CONTENT,
        name="content_section",
        schema=record(html=text(200_000, 1)),
        then=(
            "It is long, so it is written section by section. Write now only section {place} of {sections}, "
            "under the heading “{heading}”, of about {section_words} words: all of its text, to its end, "
            "without the heading itself.\n\n"
            "Points to make:\n{points}\n\n"
            "The text before it ends so:\n{before}\n\n"
            "The other sections are written apart: leave to them what their headings say, announce nothing "
            "and sum up nothing. html holds only h3, p, ul, ol, li, strong, em and the links named above."
        ),
        then_variables=("place", "sections", "heading", "section_words", "points", "before"),
    ),
    replace(
        CONTENT,
        name="content_frame",
        schema=_FRAME,
        then=(
            "Its sections are written; these are their headings, each with how it begins:\n{written}\n\n"
            "Write now what stands around them. introduction: html of one or two p, without a heading, with "
            "the primary keyword. faq: where a section with frequent questions is wanted, up to {questions} "
            "questions that the sections leave open, each answered in two or three sentences of plain text, "
            "and faq_heading, the heading above them; else they are empty. Title, slug, excerpt, meta texts, "
            "keywords, categories and tags as said above."
        ),
        then_variables=("written", "questions"),
    ),
)
